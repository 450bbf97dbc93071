// One message about something that a person tried and that did not work.

import { useEffect } from 'preact/hooks'

const shownMs = 12_000

export function Notice({ message, onClose }: { message: string; onClose: () => void }) {
  useEffect(() => {
    const timer = setTimeout(onClose, shownMs)
    return () => clearTimeout(timer)
  }, [message])
  return (
    <div class="notice" role="alert">
      <span>{message}</span>
      <button type="button" class="button is-small" onClick={onClose}>
        Dismiss
      </button>
    </div>
  )
}
