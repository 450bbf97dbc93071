// Every bound of the HTTP/1.1 engine: what a peer may send, how long it may take, how much of it is kept. The only place
// of their defaults.

export interface ServerLimits {
  /** The first line and all fields of a request. More is answered 431, or 414 when the first line alone is longer. */
  headerBytesMax: number
  /** Fields of a request. More is answered 431. */
  headerFieldsMax: number
  /** From the first byte of a request to the end of its head; a slower client is answered 408. */
  headersTimeoutMs: number
  /** From the end of a head to the last byte of the body. */
  requestTimeoutMs: number
  /** Silence inside a body that is being read. */
  bodyIdleTimeoutMs: number
  /** A body that comes slower than this, looked at over `bodyRateWindowMs`, is given up. */
  bodyBytesPerSecondMin: number
  bodyRateWindowMs: number
  /** A client that has not taken what waits for it, a read buffer or four, within this is gone: below about 4 KB/s. */
  sendIdleTimeoutMs: number
  /** A connection between two requests. Longer than clients keep theirs, so that none meets one just being closed. */
  keepAliveTimeoutMs: number
  /** Silence in both directions of an upgraded connection. */
  tunnelIdleTimeoutMs: number
  /** Chunk extensions of one body; they are read and dropped. */
  chunkExtensionBytesMax: number
  /** Trailer section of a body. */
  trailerBytesMax: number
  /** After an answer that ends the connection: how long, and how much, is still read and dropped, so that the answer arrives. */
  lingerMs: number
  lingerBytesMax: number
  /** Requests on one connection; the last is answered `Connection: close`. */
  requestsPerConnectionMax: number
  /** Connections in all; more are closed at once. */
  connectionsMax: number
  /** Connections from one address, trusted peers excepted. */
  connectionsPerAddressMax: number
  /** Connections that the kernel holds for us until they are accepted. */
  backlog: number
}

export const defaultServerLimits: ServerLimits = {
  headerBytesMax: 16 * 1024,
  headerFieldsMax: 200,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  bodyIdleTimeoutMs: 30_000,
  bodyBytesPerSecondMin: 50,
  bodyRateWindowMs: 60_000,
  sendIdleTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  tunnelIdleTimeoutMs: 3_600_000,
  chunkExtensionBytesMax: 16 * 1024,
  trailerBytesMax: 8 * 1024,
  lingerMs: 5_000,
  lingerBytesMax: 1024 * 1024,
  requestsPerConnectionMax: Number.MAX_SAFE_INTEGER,
  connectionsMax: 20_000,
  connectionsPerAddressMax: 2_048,
  backlog: 1024,
}

export interface UpstreamLimits {
  /** Opening a connection. Nothing was sent when it is over. */
  connectTimeoutMs: number
  /** From the last byte of a request to the end of the answer's head. */
  answerTimeoutMs: number
  /** Silence inside an answer that has begun; server-sent events must say something within it. */
  bodyIdleTimeoutMs: number
  /** Status line and fields of an answer. */
  headerBytesMax: number
  headerFieldsMax: number
  trailerBytesMax: number
  chunkExtensionBytesMax: number
  /** Interim answers (1xx) before the final one. */
  interimAnswersMax: number
  /** An idle connection is closed after this, or earlier when the server's Keep-Alive field says so. */
  keepAliveTimeoutMs: number
  /** A connection is not used again when it is older, or has served more requests. */
  ageMsMax: number
  requestsPerConnectionMax: number
  /** Connections to one server, busy and idle; a request beyond it waits. */
  connectionsMax: number
  /** Requests that wait for a connection, and how long; more, or longer, is `overloaded`. */
  waitersMax: number
  waitTimeoutMs: number
}

export const defaultUpstreamLimits: UpstreamLimits = {
  connectTimeoutMs: 1_000,
  answerTimeoutMs: 30_000,
  bodyIdleTimeoutMs: 300_000,
  headerBytesMax: 64 * 1024,
  headerFieldsMax: 400,
  trailerBytesMax: 8 * 1024,
  chunkExtensionBytesMax: 16 * 1024,
  interimAnswersMax: 16,
  keepAliveTimeoutMs: 4_000,
  ageMsMax: 3_600_000,
  requestsPerConnectionMax: Number.MAX_SAFE_INTEGER,
  connectionsMax: 1_024,
  waitersMax: 1_024,
  waitTimeoutMs: 5_000,
}

export interface ForwardLimits {
  /** Body of a request. More is answered 413. */
  bodyBytesMax: number
  /** A body of known length up to this is read before it is sent, and kept, so that it can be sent to another server. */
  keptBodyBytesMax: number
  /** An answer of known length up to this is read before the client sees a byte of it, where the request may be repeated. */
  heldAnswerBytesMax: number
  /** How long a server is asked for its `100 Continue` before the body is sent anyway (RFC 9110, 10.1.1). */
  continueTimeoutMs: number
  /** Servers that one request is sent to. */
  attemptsMax: number
}

export const defaultForwardLimits: ForwardLimits = {
  bodyBytesMax: 64 * 1024 * 1024,
  keptBodyBytesMax: 64 * 1024,
  heldAnswerBytesMax: 256 * 1024,
  continueTimeoutMs: 1_000,
  attemptsMax: 4,
}
