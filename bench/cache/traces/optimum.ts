// The best that any policy could have done on a trace: what is needed latest leaves.
// Source: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer" (IBM Systems Journal, 1966).

/** Hits of the optimum that may also decline to keep what it has just fetched. */
export function optimalHits(trace: Int32Array, keys: number, capacity: number): number {
  const nextUse = new Int32Array(trace.length)
  const seenAt = new Int32Array(keys).fill(trace.length)
  for (let i = trace.length - 1; i >= 0; i--) {
    const key = trace[i] as number
    nextUse[i] = seenAt[key] as number
    seenAt[key] = i
  }
  // A heap of uses to come, the latest first. A use that came is passed over: its key stands under a later one.
  const heap = new Int32Array(trace.length + 1)
  let size = 0
  const push = (use: number) => {
    let at = ++size
    for (; at > 1 && (heap[at >> 1] as number) < use; at >>= 1) heap[at] = heap[at >> 1] as number
    heap[at] = use
  }
  const pop = () => {
    const top = heap[1] as number
    const last = heap[size--] as number
    let at = 1
    for (let child = 2; child <= size; child = at * 2) {
      if (child < size && (heap[child + 1] as number) > (heap[child] as number)) child++
      if ((heap[child] as number) <= last) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = last
    return top
  }
  const kept = new Uint8Array(keys)
  const never = trace.length
  let count = 0
  let hits = 0
  for (let i = 0; i < trace.length; i++) {
    const key = trace[i] as number
    const use = nextUse[i] as number
    if (kept[key]) {
      hits++
      if (use === never) {
        kept[key] = 0
        count--
      } else push(use)
      continue
    }
    if (use === never) continue
    kept[key] = 1
    push(use)
    if (++count <= capacity) continue
    // Uses in the heap lie in the future of what is kept, save those of keys that were hit since: they are at most i.
    kept[trace[pop()] as number] = 0
    count--
  }
  return hits
}
