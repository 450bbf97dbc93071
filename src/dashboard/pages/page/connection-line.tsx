// Whether what is shown is live. When it is not, the page says so and keeps the last state, greyed.

import type { ConnectionState } from '../client/connection.ts'
import { useNow } from '../system/use-now.ts'

export function ConnectionLine({ connection, retryNow }: { connection: ConnectionState; retryNow: () => void }) {
  return (
    <output class={`connection is-${connection.kind}`}>
      {connection.kind === 'open' && 'live'}
      {connection.kind === 'connecting' && 'connecting…'}
      {connection.kind === 'lost' && <Lost retryAt={connection.retryAt} retryNow={retryNow} />}
    </output>
  )
}

function Lost({ retryAt, retryNow }: { retryAt: number; retryNow: () => void }) {
  const now = useNow(250)
  const seconds = Math.ceil((retryAt - now) / 1000)
  return (
    <>
      connection lost, retrying{seconds > 0 && ` in ${seconds} s`}{' '}
      <button type="button" class="link" onClick={retryNow}>
        now
      </button>
    </>
  )
}
