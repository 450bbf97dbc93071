// The lines of the access log. common and combined are those of Apache's httpd (mod_log_config), which every log tool reads;
// json has what those cannot say. Nothing that a client sends can end a line or leave its field.

import type { LogEntry } from './entry.ts'

export const accessLogFormats = ['common', 'combined', 'json'] as const

export type AccessLogFormat = (typeof accessLogFormats)[number]

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** With its line end. */
export function lineOf(entry: LogEntry, format: AccessLogFormat): string {
  if (format === 'json') return jsonLine(entry)
  const common = commonOf(entry)
  return format === 'common'
    ? `${common}\n`
    : `${common} "${escaped(entry.referer || '-')}" "${escaped(entry.userAgent || '-')}"\n`
}

/** `host ident user [time] "request" status bytes`: who logged in is the app's to know, so ident and user are empty. */
function commonOf({ client, atMs, method, path, protocol, status, bodyBytes }: LogEntry): string {
  const request = escaped(`${method} ${path} ${protocol}`)
  return `${escaped(client)} - - [${timeOf(atMs)}] "${request}" ${status} ${bodyBytes === 0 ? '-' : bodyBytes}`
}

function jsonLine({ atMs, durationMs, ...entry }: LogEntry): string {
  const line = { time: new Date(atMs).toISOString(), ...entry, durationMs: Math.round(durationMs * 1000) / 1000 }
  // JSON leaves DEL and the controls above ASCII as they are; a terminal would obey them.
  return `${JSON.stringify(line).replace(/[\x7f-\x9f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)}\n`
}

/** As Apache and nginx write them: quote, backslash, controls and everything beyond ASCII as \xHH. */
function escaped(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? text : text.replace(/[^ !#-[\]-~]/g, hexadecimal)
}

function hexadecimal(char: string): string {
  return `\\x${(char.charCodeAt(0) & 255).toString(16).toUpperCase().padStart(2, '0')}`
}

let timeSecond = -1
let timeText = ''

/** `10/Oct/2000:13:55:36 +0000`, made once a second. */
function timeOf(atMs: number): string {
  const second = Math.floor(atMs / 1000)
  if (second === timeSecond) return timeText
  const date = new Date(atMs)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`
  timeText = `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`
  timeSecond = second
  return timeText
}
