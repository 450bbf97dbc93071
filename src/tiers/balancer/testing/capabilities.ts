// What an engine may be without, each with a name, so that what it lacks is said where its suite is called and in its README.

export const capabilities = [
  'latency-aware', // p2c knows how fast servers answer, not only how busy they are
  'panic-share', // checks are not believed when too few pass; all engines ask somebody when none is up
  'line-time-exact', // who waits leaves the line within half a second of its time-out
  'own-answers', // answers of its own are JSON with a code, and say `outcome-unknown` where it is
  'named-fields', // fields that Connection names end here, beside those that always do
  'trailers-end', // trailers of a request end here
  'refusals-arrive', // a client that is still sending more than the limit can always read why it is refused
  'preface-ends', // the refusal of an HTTP/2 preface says that the connection ends with it
  'bodies-awaited', // a body that stops coming is the client's fault: 408, not 504
  'ejection', // requests that break off in a row take a server out, not only connections that are refused
  'others-only', // a request is sent again to other servers only, and not at all where there is no other
  'answers-held', // an answer that breaks is asked for again as long as the client has seen nothing of it
  'breaks-passed-on', // in mode tcp a connection that breaks at a server breaks at the client, it does not end
] as const

export type Capability = (typeof capabilities)[number]
