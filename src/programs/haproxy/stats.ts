// `show stat`: counters of all frontends, backends and servers, one line of CSV each (management guide, 9.1).

export type StatRow = ReadonlyMap<string, string>

export function parseStats(csv: string): StatRow[] {
  const [head = '', ...lines] = csv.split('\n').filter((line) => line !== '')
  const names = head.replace(/^# /, '').split(',')
  return lines.map((line) => new Map(fieldsOf(line).map((value, i) => [names[i] ?? '', value])))
}

export function numberIn(row: StatRow, name: string): number {
  return Number(row.get(name) || 0)
}

/** A text with a comma or a quote stands in quotes, doubled inside (RFC 4180). */
function fieldsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',')
  const fields: string[] = []
  for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'))
  return fields
}
