// Dates of HTTP, read strictly (RFC 9110, 5.6.7): the one form that is written and the two obsolete ones that must still be
// understood. Anything else is no date, so that a sloppy Expires makes an answer stale and never fresh.

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const month = months.join('|')
const time = '(\\d\\d):(\\d\\d):(\\d\\d)'
const day = 'mon|tue|wed|thu|fri|sat|sun'
const longDay = 'monday|tuesday|wednesday|thursday|friday|saturday|sunday'

// Sun, 06 Nov 1994 08:49:37 GMT
const fixed = new RegExp(`^(?:${day}), (\\d\\d) (${month}) (\\d{4}) ${time} GMT$`, 'i')
// Sunday, 06-Nov-94 08:49:37 GMT
const rfc850 = new RegExp(`^(?:${longDay}), (\\d\\d)-(${month})-(\\d\\d) ${time} GMT$`, 'i')
// Sun Nov  6 08:49:37 1994
const asctime = new RegExp(`^(?:${day}) (${month}) ([ \\d]\\d) ${time} (\\d{4})$`, 'i')

/** Milliseconds since 1970; undefined for what is no date. `nowMs` tells the century of a year of two digits. */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  let match = fixed.exec(text)
  if (match !== null) {
    const [, date, name, year, ...clock] = match
    return at(Number(year), name, date, clock)
  }
  match = rfc850.exec(text)
  if (match !== null) {
    const [, date, name, year, ...clock] = match
    return at(centuryOf(Number(year), nowMs), name, date, clock)
  }
  match = asctime.exec(text)
  if (match === null) return undefined
  const [, name, date, hour, minute, second, year] = match
  return at(Number(year), name, date, [hour, minute, second])
}

/** A year that seems more than 50 years ahead is the last one that ended in these digits. */
function centuryOf(lastDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + lastDigits
  return year > thisYear + 50 ? year - 100 : year
}

function at(
  year: number,
  monthName: string | undefined,
  date: string | undefined,
  clock: ReadonlyArray<string | undefined>,
): number | undefined {
  const [hour, minute, second] = clock.map(Number) as [number, number, number]
  const days = Number(date)
  if (days < 1 || days > 31 || hour > 23 || minute > 59 || second > 60) return undefined
  return Date.UTC(year, months.indexOf((monthName ?? '').toLowerCase()), days, hour, minute, second)
}
