/* The search runs in a worker. Browsers give none to a page that is opened from the disk: a frame without a face stands
   in for it there. It knows as much of a worker as the search uses. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      const inside = this.frame.contentWindow;
      const base = new URL(url, location.href);
      const load = (address) =>
        new Promise((done, failed) => {
          const script = inside.document.createElement("script");
          script.src = new URL(address, base).href;
          script.onload = done;
          script.onerror = () => failed(new Error(`${script.src} cannot be loaded`));
          inside.document.documentElement.append(script);
        });
      // A worker answers later, never in the middle of what its owner does, and what it is given is a copy.
      inside.postMessage = (data) =>
        setTimeout(() => {
          const message = new MessageEvent("message", { data: structuredClone(data) });
          this.dispatchEvent(message);
          this.onmessage?.(message);
        });
      inside.importScripts = (...addresses) =>
        addresses.reduce((before, address) => before.then(() => load(address)), Promise.resolve());
      this.ready = load(base.href);
      this.ready.catch((error) => {
        const event = new ErrorEvent("error", { error, message: error.message });
        this.dispatchEvent(event);
        this.onerror?.(event);
      });
    }

    postMessage(data) {
      this.ready.then(() =>
        setTimeout(() => {
          const inside = this.frame.contentWindow;
          inside.dispatchEvent(new inside.MessageEvent("message", { data: structuredClone(data) }));
        }),
      );
    }

    terminate() {
      this.frame.remove();
    }
  };
}
