import { describe, expect, test } from 'vitest';
import { clockAxis, clockTicks, formatClock, formatDay, formatMoment, fromField, toField } from './time';
import { isZone, momentOf, wallOf, zoneNames } from './zone';

const HOUR = 3_600_000;
/** The clocks of Berlin go from 2 to 3 at this moment, and from 3 to 2 at the other. */
const FORWARD = Date.UTC(2026, 2, 29, 1);
const BACK = Date.UTC(2026, 9, 25, 1);

describe('a time zone by name', () => {
  test.each([
    ['Asia/Kolkata', '19:33:22.123'], ['America/St_Johns', '10:33:22.123'], ['Pacific/Kiritimati', '04:03:22.123'], ['utc', '14:03:22.123'],
  ])('%s has its own clock', (zone, clock) => expect(formatClock(Date.UTC(2026, 10, 23, 14, 3, 22, 123), zone)).toBe(clock));

  test('the day is that of the zone', () => expect(formatDay(Date.UTC(2026, 10, 23, 23), 'Asia/Tokyo')).toBe('2026-11-24'));

  test('an hour that is left out is read as the one after it', () =>
    expect(toField(fromField('2026-03-29T02:30:00', 'Europe/Berlin'), 'Europe/Berlin')).toBe('2026-03-29T03:30:00'));

  test('an hour that comes twice is read as its first', () => expect(fromField('2026-10-25T02:30:00', 'Europe/Berlin')).toBe(BACK - HOUR / 2));

  test('a moment before 1970 is read as written', () => expect(formatMoment(-1, 'Europe/Berlin')).toBe('1970-01-01 00:59:59.999'));

  test.each([NaN, Infinity, 1e300])('%d is no moment', (ms) => expect(formatMoment(ms, 'Asia/Tokyo')).toBe('– –'));

  test('every zone reads back what it shows, but the second of two equal hours', () => {
    for (const [i, zone] of ['local', 'utc', ...zoneNames()].entries()) {
      const moment = Date.UTC(2026, i % 12, 1 + (i % 28), i % 24, i % 60);
      expect([moment, moment - HOUR, moment - HOUR / 2], zone).toContain(momentOf(wallOf(moment, zone), zone));
    }
  });

  test.each([['Europe/Berlin', true], ['local', true], ['utc', true], ['Mars/Olympus', false], ['', false], [undefined, false]])('%s is a zone: %s', (zone, known) =>
    expect(isZone(zone)).toBe(known));
});

describe('an axis of time', () => {
  test('keeps to round times where clocks are set forward', () =>
    expect(clockTicks(FORWARD - 2 * HOUR, FORWARD + 2 * HOUR, 4, 'Europe/Berlin').map((t) => formatClock(t, 'Europe/Berlin', false))).toEqual([
      '00:00:00', '01:00:00', '03:00:00', '04:00:00', '05:00:00',
    ]));

  test('goes on where clocks are set back', () => {
    const moments = clockTicks(BACK - 2 * HOUR, BACK + 2 * HOUR, 4, 'Europe/Berlin');
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(formatClock(moments[moments.length - 1], 'Europe/Berlin', false)).toBe('04:00:00');
  });

  test('names the date at midnight and has no seconds where none are needed', () => {
    const from = Date.UTC(2026, 10, 23, 20);
    expect(clockAxis(from, from + 8 * HOUR, 400, 'utc').map(({ text }) => text)).toEqual(['20:00', '22:00', '11-24', '02:00']);
  });

  test('has fewer labels where there is less room, and none beyond the end', () => {
    const from = Date.UTC(2026, 10, 23, 14);
    expect(clockAxis(from, from + 300_000, 1200, 'utc')).toHaveLength(10);
    expect(clockAxis(from, from + 300_000, 270, 'utc')).toHaveLength(5);
    expect(clockAxis(from, from + HOUR, 270, 'utc')).toHaveLength(4);
    expect(clockAxis(from, from + 300_000, 400, 'utc').map(({ text }) => text)).toEqual(['14:00', '14:01', '14:02', '14:03', '14:04']);
  });
});
