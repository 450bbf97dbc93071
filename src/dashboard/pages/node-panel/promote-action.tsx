// A planned change of primary, from the replica that shall be it.

import { useState } from 'preact/hooks'
import type { Status, StatusNode } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { messageOf } from '../words/failure.ts'

interface Props {
  node: StatusNode
  status: Status
  client: ControlClient
}

export function PromoteAction({ node, status, client }: Props) {
  const [failure, setFailure] = useState<string | null>(null)
  if (node.database !== 'replica' || node.shard === undefined) return null
  const { id, shard } = node

  async function promote() {
    setFailure(null)
    await client.switchover(shard as string, id).catch((error: unknown) => setFailure(messageOf(error)))
  }

  return (
    <div class="faults">
      <button
        type="button"
        class="button is-small"
        disabled={node.state !== 'ready' || status.climbing !== null}
        title="Writes wait for a moment, then this node takes them; no request fails."
        onClick={promote}
      >
        Make primary
      </button>
      {failure !== null && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
    </div>
  )
}
