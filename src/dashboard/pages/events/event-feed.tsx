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
        <span class="dim">{events.length === 0 ? 'none yet' : events.length}</span>
      </header>
      <ol class="feed" aria-live="polite" aria-relevant="additions" aria-label="Events, newest first">
        {events.map((event) => (
          <li key={event.number} class={`is-${event.level}`}>
            <time dateTime={event.at}>{showTime(event.at)}</time>
            <span class="feed-message">
              {event.level !== 'info' && <span class="feed-level">{event.level}</span>}
              <Message event={event} onSelect={onSelect} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

/** The node's name is a link, where the message has it or else after it. */
function Message({ event: { message, node }, onSelect }: { event: FeedEvent; onSelect: Props['onSelect'] }) {
  if (node === undefined) return message
  const link = (
    <button type="button" class="link mono" onClick={() => onSelect(node)}>
      {node}
    </button>
  )
  const at = message.indexOf(node)
  if (at < 0)
    return (
      <>
        {message} {link}
      </>
    )
  return (
    <>
      {message.slice(0, at)}
      {link}
      {message.slice(at + node.length)}
    </>
  )
}
