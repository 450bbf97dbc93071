// Why a message is not taken: a closed list, so that each reason has one status and one sentence, and tests can name it.

import type { ErrorCode } from '../../base/errors.ts'

export interface Refusal {
  status: number
  code: ErrorCode
  message: string
}

function bad(message: string, status = 400): Refusal {
  return { status, code: 'bad-input', message }
}

export const refusals = {
  method: bad('the method is no token'),
  methodNotServed: bad('this method is not served', 501),
  target: bad('the request target holds a byte that does not belong there'),
  targetForm: bad('the request target is neither a path nor an http URL'),
  targetTooLong: bad('the request target is too long', 414),
  version: bad('the first line does not end in an HTTP version'),
  versionNotServed: bad('only HTTP/1.0 and HTTP/1.1 are served', 505),
  statusLine: bad('the first line of the answer is no status line'),
  bareLineEnd: bad('a line does not end in CR LF'),
  fold: bad('a header is folded over two lines'),
  fieldName: bad('a header name is empty or no token'),
  spaceBeforeColon: bad('there is a space between a header name and its colon'),
  fieldValue: bad('a header value holds a control character'),
  blankLines: bad('there are too many blank lines before the request'),
  pseudoField: bad('a pseudo-field of HTTP/2 is missing, unknown or malformed'),
  connectionField: bad('a field of HTTP/1.1 connections stands in HTTP/2'),
  headTooLarge: { status: 431, code: 'too-large', message: 'the headers are too large' },
  tooManyFields: { status: 431, code: 'too-large', message: 'there are too many headers' },
  hostCount: bad('there is not exactly one Host header'),
  host: bad('the Host is no host name'),
  contentLengthCount: bad('there is more than one Content-Length'),
  contentLength: bad('the Content-Length is no number'),
  lengthAndCoding: bad('there are both Transfer-Encoding and Content-Length'),
  codingCount: bad('there is more than one Transfer-Encoding'),
  coding: bad('the Transfer-Encoding is not chunked'),
  codingInHttp10: bad('there is a Transfer-Encoding in HTTP/1.0'),
  expectation: bad('the expectation is not 100-continue', 417),
  chunkSize: bad('a chunk does not begin with its size'),
  chunkExtension: bad('a chunk extension holds a control character or is too long'),
  chunkEnd: bad('a chunk is not as long as it says'),
  trailersTooLarge: bad('the trailers are too large'),
  upgradeWithBody: bad('an upgrade has no body'),
  headTooSlow: { status: 408, code: 'timeout', message: 'the request came too slowly' },
  bodyTooSlow: { status: 408, code: 'timeout', message: 'the request body came too slowly' },
  bodyTooLarge: { status: 413, code: 'too-large', message: 'the request body is too large' },
} satisfies Record<string, Refusal>
