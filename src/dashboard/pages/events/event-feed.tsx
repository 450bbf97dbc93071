// What happened, the newest on top.

import type { FeedEvent } from '../system/use-system.ts'
import { showTime } from '../words/numbers.ts'

interface Props {
  events: readonly FeedEvent[]
  onSelect: (node: string) => void
}

export function EventFeed({ events, onSelect }: Props) {
  return (
    <section class="pane events" aria-label="Events">
      <header class="pane-head">
        <h2>Events</h2>
        <span class="dim">{events.length === 0 ? 'none since this page was opened' : events.length}</span>
      </header>
      <ol class="feed" aria-live="polite" aria-relevant="additions" aria-label="Events, newest first">
        {events.map(({ number, at, level, message, node }) => (
          <li key={number} class={`is-${level}`}>
            <time dateTime={at}>{showTime(at)}</time>
            <span class="feed-message">
              {level !== 'info' && <span class="feed-level">{level}</span>}
              {message}{' '}
              {node !== undefined && (
                <button type="button" class="link mono" onClick={() => onSelect(node)}>
                  {node}
                </button>
              )}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
