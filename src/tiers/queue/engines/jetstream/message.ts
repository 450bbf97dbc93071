// A job as a message of the stream: its body is the payload as it was published, everything else stands in headers.

import type { MsgHdrs } from '@nats-io/transport-node'
import type { NewJob, Payload } from '../../contract.ts'
import { timeOf } from './job-id.ts'

const nameHeader = 'Nats-Msg-Id'
const traceHeader = 'Tenfold-Trace'
const atHeader = 'Tenfold-At'
const attemptsHeader = 'Tenfold-Attempts'
const uniqueHeader = 'Tenfold-Unique'
const priorityHeader = 'Tenfold-Priority'

/** What a job brings along that waited in PostgreSQL before. */
export interface Past {
  id: string
  publishedAt: Date
  /** Attempts that it had. */
  attempts: number
  /** The shard that keeps its deduplication id until it is done. */
  uniqueAt: string | undefined
}

/** What stands in a message. */
export interface Written {
  name: string
  payload: Payload
  priority: number
  trace: string | undefined
  publishedAt: Date
  attempts: number
  uniqueAt: string | undefined
}

export function writeHeaders(
  headers: MsgHdrs,
  name: string,
  job: Pick<NewJob, 'options' | 'trace'>,
  past?: Past,
): MsgHdrs {
  headers.set(nameHeader, name)
  const { priority = 0 } = job.options
  if (priority > 0) headers.set(priorityHeader, String(priority))
  if (job.trace !== undefined) headers.set(traceHeader, job.trace)
  if (past) {
    headers.set(atHeader, String(past.publishedAt.getTime()))
    if (past.attempts > 0) headers.set(attemptsHeader, String(past.attempts))
    if (past.uniqueAt !== undefined) headers.set(uniqueHeader, encodeURIComponent(past.uniqueAt))
  }
  return headers
}

/** Undefined for what no process of ours wrote. */
export function readMessage({
  headers,
  data,
}: {
  headers?: MsgHdrs | undefined
  data: Uint8Array
}): Written | undefined {
  if (!headers) return undefined
  const found = new Map<string, string>()
  // In one go: each look-up of the client's walks over all of them.
  for (const [header, values] of headers) found.set(header, values[0] ?? '')
  const name = found.get(nameHeader)
  if (!name) return undefined
  const at = found.get(atHeader)
  const uniqueAt = found.get(uniqueHeader)
  const publishedAt = at ? new Date(Number(at)) : timeOf(name)
  try {
    const payload: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString())
    if (typeof payload !== 'object' || payload === null || !publishedAt) return undefined
    return {
      name,
      payload: payload as Payload,
      priority: Number(found.get(priorityHeader) ?? 0),
      trace: found.get(traceHeader) || undefined,
      publishedAt,
      attempts: Number(found.get(attemptsHeader) ?? 0),
      uniqueAt: uniqueAt ? decodeURIComponent(uniqueAt) : undefined,
    }
  } catch {
    return undefined
  }
}
