// How a check says what it found.

import type { Finding, WriteKind } from '../ledger.ts'

export type Find = (kind: WriteKind, problem: Finding['problem'], detail: string) => Finding

export function findingOf(id: string): Find {
  return (kind, problem, detail) => ({ kind, id, problem, detail })
}

/** Between what was acknowledged and that plus what is in doubt, everything is right. */
export function checkCount(
  find: Find,
  kind: WriteKind,
  count: number | undefined,
  acknowledged: ReadonlySet<string>,
  inDoubt: ReadonlySet<string>,
): Finding[] {
  const least = acknowledged.size
  const most = least + [...inDoubt].filter((item) => !acknowledged.has(item)).length
  if (count === undefined || count < least)
    return [find(kind, 'lost', `${least} ${kind}s were acknowledged, ${count} are counted`)]
  if (count > most)
    return [find(kind, 'doubled', `${least} ${kind}s were acknowledged, at most ${most} sent, ${count} are counted`)]
  return []
}

/** A value as it stands in a finding. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
