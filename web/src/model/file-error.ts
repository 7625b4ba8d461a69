/** A file that cannot be opened: the message says what was found, and where. */
export class FileError extends Error {}
