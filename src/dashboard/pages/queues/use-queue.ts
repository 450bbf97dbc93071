// What lies in the queues, asked for while somebody looks at it.

import { useEffect, useState } from 'preact/hooks'
import type { QueueSummary } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { messageOf } from '../words/failure.ts'

const askIntervalMs = 2000

export function useQueue(client: ControlClient): { summary: QueueSummary | null; failure: string | null } {
  const [summary, setSummary] = useState<QueueSummary | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  useEffect(() => {
    let isShown = true
    let isAsking = false
    const ask = async () => {
      if (isAsking || document.hidden) return
      isAsking = true
      await client.queue().then(
        (answer) => {
          if (!isShown) return
          setSummary(answer)
          setFailure(answer.trouble)
        },
        (error: unknown) => isShown && setFailure(messageOf(error)),
      )
      isAsking = false
    }
    void ask()
    const timer = setInterval(ask, askIntervalMs)
    return () => {
      isShown = false
      clearInterval(timer)
    }
  }, [client])
  return { summary, failure }
}
