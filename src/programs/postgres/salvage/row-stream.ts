// The rows of one query as they arrive, however many there are: while the reader is slow the socket is not read, and the
// server waits.

import { type Client, Query, type QueryResultRow } from 'pg'
import { withTimeout } from '../../../base/limits.ts'

/** Rows that are held for the reader; what lies in the packet that is being taken apart comes on top. */
const heldRowsMax = 64
/** Before the first row the server may have to read gigabytes. */
const silenceMsMax = 600_000

/** May be left early by `break`; the connection is of no use then. The client must not be asked anything else meanwhile. */
export async function* streamRows<Row extends QueryResultRow>(
  client: Client,
  text: string,
  values: unknown[] = [],
): AsyncGenerator<Row> {
  const { stream } = client.connection
  const held: Row[] = []
  let [isOver, wake] = [false, () => {}]
  let failure: { error: unknown } | undefined
  const query = new Query<Row>({ text, values })
  query.on('row', (row: Row) => {
    held.push(row)
    if (held.length >= heldRowsMax) stream.pause()
    wake()
  })
  query.on('end', () => {
    isOver = true
    wake()
  })
  query.on('error', (error: unknown) => {
    failure = { error }
    wake()
  })
  client.query(query)
  for (;;) {
    // All at once and not by shift: a packet may carry thousands of rows.
    for (const row of held.splice(0)) yield row
    if (held.length > 0) continue
    // Before the end, too: the packet with the last rows may have paused it, and the next question needs it.
    stream.resume()
    if (failure) throw failure.error
    if (isOver) return
    const more = new Promise<void>((resolve) => {
      wake = resolve
    })
    await withTimeout(more, silenceMsMax, 'the next row')
  }
}
