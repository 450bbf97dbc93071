// Before anything changes: the plan, step by step. Only then can it be begun.

import { useEffect, useState } from 'preact/hooks'
import type { Plan, Status } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { Dialog } from '../page/dialog.tsx'
import { messageOf } from '../words/failure.ts'

interface Props {
  status: Status
  target: number
  client: ControlClient
  onClose: () => void
}

export function ClimbDialog({ status, target, client, onClose }: Props) {
  const [plan, setPlan] = useState<Plan | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const [isSending, setSending] = useState(false)
  const isUp = target > status.rung
  const verb = isUp ? 'Climb' : 'Descend'
  const rung = status.rungs.find((candidate) => candidate.number === target)

  useEffect(() => {
    let isShown = true
    client.plan({ rung: target }).then(
      (answer) => isShown && setPlan(answer),
      (error: unknown) => isShown && setFailure(messageOf(error)),
    )
    return () => {
      isShown = false
    }
  }, [client, target])

  async function begin() {
    setSending(true)
    setFailure(null)
    try {
      await client.apply({ rung: target })
      onClose()
    } catch (error) {
      setFailure(messageOf(error))
      setSending(false)
    }
  }

  return (
    <Dialog title={`${verb} to rung ${target}: ${rung?.title ?? ''}`} onClose={onClose}>
      <p class="dim">
        {isUp ? `Appears: ${rung?.appears}.` : `Back down from rung ${status.rung}; data stays.`} Traffic runs on, and
        every step can be resumed after a crash.
      </p>
      {plan === null && failure === null && <p class="dim plan-wait">Asking for the plan…</p>}
      {plan !== null && (
        <ol class="plan">
          {plan.steps.map((step) => (
            <li key={step.title}>
              <span>{step.title}</span>
              <code>{step.kind}</code>
            </li>
          ))}
        </ol>
      )}
      {plan?.steps.length === 0 && <p>Nothing to do: the system already stands there.</p>}
      {failure !== null && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      <footer class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="button is-main" disabled={!plan?.steps.length || isSending} onClick={begin}>
          {verb} now
          {plan && plan.steps.length > 0 && `: ${plan.steps.length} ${plan.steps.length === 1 ? 'step' : 'steps'}`}
        </button>
      </footer>
    </Dialog>
  )
}
