// Every bound of HTTP/2 beyond those of HTTP/1.1, which count here too (../http1/limits.ts): what a client may make a
// connection keep or do. The only place of their defaults.

export interface Http2Limits {
  /** Requests at once on one connection; said in our SETTINGS, a client that starts more has them refused. */
  streamsMax: number
  /** Bytes of a request's body that a client may send before they are read: what one stream can make us hold. */
  streamWindowBytes: number
  /** Field section of a request, as HPACK counts (RFC 9113, 6.5.2). The strict limit of HTTP/1.1 is smaller and answers 431. */
  headerListBytesMax: number
  /** HPACK's table, which a client fills. */
  headerTableBytes: number
  /** Of all streams of a connection together, in whole megabytes: bodies that wait, answers that wait, HPACK tables. */
  connectionMegabytesMax: number
  /**
   * Requests that a client gives up before they are answered: as many at once, and so many a second after that. More ends
   * the connection: making work and leaving costs a client nothing (CVE-2023-44487, "rapid reset").
   */
  abandonedBurst: number
  abandonedPerSecond: number
  /** PING and SETTINGS, each of which we must answer (CVE-2019-9512, CVE-2019-9515). */
  controlFramesBurst: number
  controlFramesPerSecond: number
  /** Frames that break a rule without ending the connection. */
  invalidFramesMax: number
  /** Streams started beyond `streamsMax`. */
  rejectedStreamsMax: number
}

export const defaultHttp2Limits: Http2Limits = {
  streamsMax: 100,
  streamWindowBytes: 64 * 1024,
  headerListBytesMax: 32 * 1024,
  headerTableBytes: 4096,
  connectionMegabytesMax: 10,
  abandonedBurst: 200,
  abandonedPerSecond: 20,
  controlFramesBurst: 100,
  controlFramesPerSecond: 10,
  invalidFramesMax: 100,
  rejectedStreamsMax: 100,
}
