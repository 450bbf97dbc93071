// The time of day as state, for "ready for 3 min": one tick a second for whoever shows a duration.

import { useEffect, useState } from 'preact/hooks'

export function useNow(intervalMs = 1000): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs)
    return () => clearInterval(timer)
  }, [intervalMs])
  return now
}
