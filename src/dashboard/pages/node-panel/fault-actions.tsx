// Faults on purpose: what a node's death or sleep does to the system is best seen by causing it.

import { useState } from 'preact/hooks'
import type { FaultKind, StatusNode } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { Dialog } from '../page/dialog.tsx'
import { messageOf } from '../words/failure.ts'

const faults: Record<FaultKind, { title: string; explains: string }> = {
  kill: {
    title: 'Kill',
    explains:
      'SIGKILL: the process is gone at once, without a word. It is started again; a primary is replaced by a replica.',
  },
  pause: {
    title: 'Pause',
    explains: 'SIGSTOP: the process keeps its sockets and answers nothing, until it is resumed.',
  },
  slow: {
    title: 'Slow',
    explains:
      'A replica shows every change 2 s late; any other process gets a quarter of its time, until it is resumed.',
  },
  cut: { title: 'Cut off', explains: 'The replica gets nothing from its primary any more, until it is resumed.' },
  resume: { title: 'Resume', explains: 'Whatever was paused, slowed or cut off goes on as before.' },
}

function faultsOf(node: StatusNode): FaultKind[] {
  return ['kill', 'pause', 'slow', ...(node.database === 'replica' ? (['cut'] as const) : []), 'resume']
}

export function FaultActions({ node, client }: { node: StatusNode; client: ControlClient }) {
  const [asked, setAsked] = useState<FaultKind | null>(null)
  const [failure, setFailure] = useState<string | null>(null)

  async function cause(kind: FaultKind) {
    setFailure(null)
    try {
      await client.fault(kind, node.id)
      setAsked(null)
    } catch (error) {
      setFailure(messageOf(error))
    }
  }

  return (
    <div class="faults">
      <fieldset class="fault-buttons" aria-label="Faults">
        {faultsOf(node).map((kind) => (
          <button
            key={kind}
            type="button"
            class={`button is-small${kind === 'kill' ? ' is-danger' : ''}`}
            title={faults[kind].explains}
            onClick={() => (kind === 'resume' ? cause(kind) : setAsked(kind))}
          >
            {faults[kind].title}
          </button>
        ))}
      </fieldset>
      {asked === null && failure !== null && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {asked !== null && (
        <Dialog title={`${faults[asked].title} ${node.id}?`} onClose={() => setAsked(null)}>
          <p>{faults[asked].explains}</p>
          <p class="dim">This happens to a real process: pid {node.pid ?? 'none'}.</p>
          {failure !== null && (
            <p class="failure" role="alert">
              {failure}
            </p>
          )}
          <footer class="dialog-actions">
            <button type="button" class="button" onClick={() => setAsked(null)}>
              Cancel
            </button>
            <button type="button" class="button is-danger" onClick={() => cause(asked)}>
              {faults[asked].title} it
            </button>
          </footer>
        </Dialog>
      )}
    </div>
  )
}
