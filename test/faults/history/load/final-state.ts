// The state after the last answer, read on the primary, with patience: it looks for data, it does not measure.

import { Semaphore } from '../../../../src/base/limits.ts'
import type { LoadClient } from '../../../../src/tour/load/client.ts'
import { openReader } from '../../../../src/tour/load/reader.ts'
import type { FinalObject, Seen } from '../operation.ts'

const readersMax = 6

export interface Names {
  /** Owners of sets and counters. */
  users: Iterable<string>
  shared: ReadonlyMap<string, 'bank' | 'list'>
}

export async function readFinal(client: LoadClient, { users, shared }: Names): Promise<FinalObject[]> {
  const read = openReader(client)
  const limit = new Semaphore(readersMax)
  const get = (path: string) =>
    limit.run(async () => {
      const { status, json } = await read({ method: 'GET', path })
      if (status !== 200) throw new Error(`GET ${path} answered ${status}`)
      return json as Required<Seen>
    })
  const ofUsers = [...users].map(async (key): Promise<FinalObject[]> => {
    const { elements, value } = await get(`/exact/users/${key}`)
    return [
      { object: 'set', key, elements },
      { object: 'counter', key, value },
    ]
  })
  const ofShared = [...shared].map(async ([key, object]): Promise<FinalObject[]> => {
    const { elements, balances } = await get(`/exact/${object}s/${key}`)
    return [object === 'bank' ? { object, key, elements, balances } : { object, key, elements }]
  })
  return (await Promise.all([...ofUsers, ...ofShared])).flat()
}
