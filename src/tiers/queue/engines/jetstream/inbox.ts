// What the server sends us, by whom it is for: a message of a lane, the end of a pull, an answer.
//
// A message comes under its own subject and not under that of the pull that asked for it; where its outcome is to be told
// names the lane. Both forms that servers write (ADR-15 of NATS):
//   $JS.ACK.<stream>.<consumer>.<count>.<sequence>.<consumer sequence>.<time>.<pending>
//   $JS.ACK.<domain>.<account>.<stream>.<consumer>.<count>.<sequence>.<consumer sequence>.<time>.<pending>[.<random>]

const start = '$JS.ACK.'

export interface DeliveryFacts {
  consumer: string
  count: number
  sequence: number
}

/** Where a message of a stream wants to hear what became of it. */
export function isReply(text: string): boolean {
  return text.startsWith(start)
}

/** Undefined for what is no message of a stream. */
export function deliveryFacts(reply: string | undefined): DeliveryFacts | undefined {
  if (!reply?.startsWith(start)) return undefined
  const parts = reply.split('.')
  const at = parts.length === 9 ? 3 : 5
  return { consumer: parts[at] as string, count: Number(parts[at + 1]), sequence: Number(parts[at + 2]) }
}
