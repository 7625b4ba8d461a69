/** The reader's time zone: `local`, `utc`, or a name of the IANA database such as `Europe/Berlin`. */
export type Zone = string;

/** Names the browser knows, in order of the alphabet. */
export const zoneNames = (): string[] => Intl.supportedValuesOf('timeZone');

/** What the zone is called in front of a reader. */
export function zoneLabel(zone: Zone): string {
  return zone === 'utc' ? 'UTC' : zone === 'local' ? 'local time' : visibleName(zone);
}

const visibleName = (name: string): string => name.replaceAll('_', ' ');

/** Whether this browser can tell the time of the zone; another one may have written it down. */
export function isZone(zone: unknown): zone is Zone {
  if (typeof zone !== 'string') return false;
  if (zone === 'local' || zone === 'utc') return true;
  try {
    return clockOf(zone) !== null;
  } catch {
    return false;
  }
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone);
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-u-ca-iso8601', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
    });
    clocks.set(zone, clock);
  }
  return clock;
}

/** By how much the zone's clocks are ahead of UTC at a moment (unix ms), in milliseconds. */
export function offsetOf(ms: number, zone: Zone): number {
  if (zone === 'utc') return 0;
  if (zone === 'local') return -new Date(ms).getTimezoneOffset() * 60_000;
  const part: Record<string, number> = {};
  for (const { type, value } of clockOf(zone).formatToParts(ms)) part[type] = Number(value);
  const wall = Date.UTC(part['year'], part['month'] - 1, part['day'], part['hour'], part['minute'], part['second']);
  return wall - Math.floor(ms / 1000) * 1000;
}

/** The clock's reading as if it were UTC: its UTC fields are what the zone's clock shows at the moment (unix ms). */
export const wallOf = (ms: number, zone: Zone): number => ms + offsetOf(ms, zone);

/** The way back. Of an hour that the clocks pass twice it is the first, of one that they leave out the hour after it. */
export function momentOf(wall: number, zone: Zone): number {
  // The offset a day before and a day after are the only two there can be.
  const [early, late] = [offsetOf(wall - 86_400_000, zone), offsetOf(wall + 86_400_000, zone)];
  const first = wall - early;
  return offsetOf(first, zone) === early ? first : offsetOf(wall - late, zone) === late ? wall - late : first;
}
