// The dead jobs of one queue with their reasons; published again or forgotten, one by one or all.

import { useEffect, useState } from 'preact/hooks'
import type { DeadChoice, SeenDead } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { Dialog } from '../page/dialog.tsx'
import { messageOf } from '../words/failure.ts'
import { showTime } from '../words/numbers.ts'

interface Props {
  queue: string
  client: ControlClient
  onClose: () => void
}

const shownMax = 50

export function DeadDialog({ queue, client, onClose }: Props) {
  const [letters, setLetters] = useState<SeenDead[] | null>(null)
  const [isMore, setMore] = useState(false)
  const [said, setSaid] = useState<string | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const [isSending, setSending] = useState(false)
  /** What is forgotten is gone: it is asked for twice. */
  const [isSure, setSure] = useState(false)

  async function look() {
    const page = await client.deadJobs({ queue, limit: shownMax })
    setLetters(page.letters)
    setMore(page.next !== null)
  }

  async function act(work: () => Promise<string>) {
    setSending(true)
    setFailure(null)
    setSure(false)
    try {
      setSaid(await work())
      await look()
    } catch (error) {
      setFailure(messageOf(error))
    }
    setSending(false)
  }

  useEffect(() => {
    look().catch((error: unknown) => setFailure(messageOf(error)))
  }, [client, queue])

  const redrive = (choice: DeadChoice) => act(async () => `${(await client.redrive(choice)).redriven} published again`)
  const drop = (choice: DeadChoice) => act(async () => `${(await client.dropDead(choice)).dropped} forgotten`)
  const isIdle = isSending || !letters?.length

  return (
    <Dialog title={`Dead jobs of ${queue}`} onClose={onClose}>
      <p class="dim" aria-live="polite">
        {said ?? 'Given up after their last attempt. Published again, a job has all its attempts before it.'}
      </p>
      {letters !== null && letters.length > 0 && (
        <ol class="dead-jobs">
          {letters.map(({ id, reason, attempt, diedAt }) => (
            <li key={id}>
              <span class="dead-reason">{reason}</span>
              <span class="dim mono">{id}</span>
              <span class="dim">
                attempt {attempt}, {showTime(diedAt)}
              </span>
              <button
                type="button"
                class="button is-small"
                disabled={isSending}
                aria-label={`Publish ${id} again`}
                onClick={() => redrive({ ids: [id] })}
              >
                Again
              </button>
            </li>
          ))}
        </ol>
      )}
      {isMore && <p class="dim">The newest {shownMax}; there are more.</p>}
      {letters?.length === 0 && <p>No job of it is dead.</p>}
      {failure !== null && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      <footer class="dialog-actions">
        <button
          type="button"
          class="button is-danger"
          disabled={isIdle}
          onClick={() => (isSure ? drop({ queue }) : setSure(true))}
        >
          {isSure ? 'Forget all for good' : 'Forget all'}
        </button>
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
        <button type="button" class="button is-main" disabled={isIdle} onClick={() => redrive({ queue })}>
          Publish all again
        </button>
      </footer>
    </Dialog>
  )
}
