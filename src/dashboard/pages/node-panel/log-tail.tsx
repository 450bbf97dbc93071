// The end of a node's log, filtered on the server. It stays at the newest line until someone scrolls up.

import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { LogLine } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { showTime } from '../words/numbers.ts'
import { useLog } from './use-log.ts'

/** Nearer to the end than this counts as being there. */
const endPx = 24
const fieldCharsMax = 300

export function LogTail({ node, client }: { node: string; client: ControlClient }) {
  const [grep, setGrep] = useState('')
  const [isFollowing, setFollowing] = useState(true)
  const { lines, failure } = useLog(client, { node, grep, isFollowing })
  const list = useRef<HTMLOListElement>(null)

  useLayoutEffect(() => {
    if (isFollowing && list.current) list.current.scrollTop = list.current.scrollHeight
  }, [lines, isFollowing])

  function scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = list.current ?? { scrollTop: 0, scrollHeight: 0, clientHeight: 0 }
    const isAtEnd = scrollHeight - scrollTop - clientHeight < endPx
    if (!isAtEnd && isFollowing) setFollowing(false)
  }

  return (
    <div class="log">
      <div class="log-bar">
        <input
          type="search"
          placeholder="Filter the log…"
          aria-label="Filter the log"
          spellcheck={false}
          value={grep}
          onInput={(event) => setGrep(event.currentTarget.value)}
        />
        <label class="toggle">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={(event) => setFollowing(event.currentTarget.checked)}
          />
          Follow
        </label>
      </div>
      {failure !== null && <p class="failure">{failure}</p>}
      <ol
        ref={list}
        class="log-lines mono"
        aria-label={`Log of ${node}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        onScroll={scrolled}
      >
        {lines?.map((line, index) => (
          <Line key={`${line.time} ${index}`} line={line} />
        ))}
        {lines?.length === 0 && <li class="dim">{grep ? `no line has “${grep}”` : 'nothing logged yet'}</li>}
        {lines === null && failure === null && <li class="dim">reading…</li>}
      </ol>
    </div>
  )
}

const known = new Set(['node', 'time', 'level', 'message', 'pid', 'hostname'])

function Line({ line }: { line: LogLine }) {
  const fields = Object.entries(line).filter(([name]) => !known.has(name))
  return (
    <li class={`log-line is-${line.level}`}>
      <time dateTime={line.time}>{showTime(line.time)}</time>
      <span class="log-level">{line.level}</span>
      <span class="log-message">
        {line.message}
        {fields.map(([name, value]) => (
          <span key={name} class="log-field">
            {' '}
            {name}=<span>{showField(value)}</span>
          </span>
        ))}
      </span>
    </li>
  )
}

function showField(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > fieldCharsMax ? `${text.slice(0, fieldCharsMax)}…` : text
}
