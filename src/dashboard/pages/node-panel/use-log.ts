// The newest lines of a node's log, asked for each second while they are followed.

import { useEffect, useState } from 'preact/hooks'
import type { LogLine } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { messageOf } from '../words/failure.ts'

export interface LogQuery {
  node: string
  grep: string
  isFollowing: boolean
}

const linesMax = 200
const followIntervalMs = 1000
/** After the last key press, before the filter is asked for. */
const typingMs = 150

export function useLog(client: ControlClient, { node, grep, isFollowing }: LogQuery) {
  const [lines, setLines] = useState<readonly LogLine[] | null>(null)
  const [failure, setFailure] = useState<string | null>(null)

  useEffect(() => {
    let isShown = true
    let timer: ReturnType<typeof setTimeout>
    const ask = async () => {
      try {
        const answer = document.hidden ? null : await client.logs({ node, lines: linesMax, ...(grep ? { grep } : {}) })
        if (!isShown) return
        if (answer) setLines(answer)
        setFailure(null)
      } catch (error) {
        if (!isShown) return
        setFailure(messageOf(error))
      }
      if (isFollowing) timer = setTimeout(ask, followIntervalMs)
    }
    timer = setTimeout(ask, typingMs)
    return () => {
      isShown = false
      clearTimeout(timer)
    }
  }, [client, node, grep, isFollowing])

  return { lines, failure }
}
