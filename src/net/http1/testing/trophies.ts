// The bugs that http-garden found in servers and proxies (narfindustries/http-garden, TROPHIES.md), number by number, as our
// own bytes: `s` counts its bugs of servers, `t` those of transducers, which is what it calls proxies; its list has no t8.
//
// Left out, since they are about what this engine has not: the bonus bugs of FastCGI (1, 3, 4), and crashes at any request at
// all (2, 5). Bonus bug 3, a byte behind a chunked body, is here for its bytes. Its two of HTTP/2
// are in http2/request-text.test.ts.

import { chunked, get, post, type RefusalName } from './malformed.ts'

export interface Trophy {
  /** Its numbers in the list. */
  of: readonly string[]
  bytes: string
  /** Why it is refused. */
  why: RefusalName
}

/** Refused before a server hears of them. */
export const refusedTrophies: Record<string, Trophy> = {
  'a chunk size with an underscore': {
    of: ['s1', 's22'],
    bytes: chunked('0_5\r\n\r\n12345\r\n0\r\n\r\n'),
    why: 'chunkSize',
  },
  'a NUL and a CR in a value': { of: ['s2', 's34', 't10'], bytes: get('X: v\0\ralue\r\n'), why: 'fieldValue' },
  'a CR in a value': { of: ['s34', 't10'], bytes: get('X: va\rlue\r\n'), why: 'bareLineEnd' },
  'a space behind Content-Length': {
    of: ['s3'],
    bytes: post('Content-Length : 5\r\n', '12345'),
    why: 'spaceBeforeColon',
  },
  'a tab before the first name': {
    of: ['s4'],
    bytes: 'POST / HTTP/1.1\r\n\tContent-Length: 1\r\nHost: a\r\n\r\nx',
    why: 'fold',
  },
  'a version that begins like one': { of: ['s5'], bytes: 'GET / HTTP/1.12\r\nHost: a\r\n\r\n', why: 'version' },
  'a method that begins like one': {
    of: ['s6'],
    bytes: 'G="<>(e),[T];?" / HTTP/1.1\r\nHost: a\r\n\r\n',
    why: 'method',
  },
  'a target of one mark': { of: ['s7'], bytes: 'GET ! HTTP/1.1\r\nHost: a\r\n\r\n', why: 'targetForm' },
  'a letter above ASCII in a name': { of: ['s8'], bytes: get('\xefX: y\r\n'), why: 'fieldName' },
  'a LF between target and version': { of: ['s9'], bytes: 'GET /\nHTTP/1.1\r\nHost: a\r\n\r\n', why: 'version' },
  'a length with sign and underscore': {
    of: ['s10', 's32'],
    bytes: post('Content-Length: +1_0\r\n', ''),
    why: 'contentLength',
  },
  'a length with an underscore': { of: ['s10'], bytes: post('Content-Length: 1_0\r\n', ''), why: 'contentLength' },
  'two Transfer-Encodings': {
    of: ['s11', 't25'],
    bytes: post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '1\r\nx\r\n0\r\n\r\n'),
    why: 'codingCount',
  },
  'a coding between spaces of Latin-1': {
    of: ['s12'],
    bytes: post('Transfer-Encoding: \xa0chunked\xa0\r\n', '0\r\n\r\n'),
    why: 'coding',
  },
  'a coding behind a next-line mark': {
    of: ['s12'],
    bytes: post('Transfer-Encoding: \x85chunked\r\n', '0\r\n\r\n'),
    why: 'coding',
  },
  'a line that ends in CR': { of: ['s13'], bytes: get('X: y\rSmuggled: z\r\n'), why: 'bareLineEnd' },
  ...Object.fromEntries(
    [...'\0\x01\x08\x0b\x0c\x0e\x1b\x1f"(),/;<=>?@[\\]{}\x7f'].map((mark) => [
      `${JSON.stringify(mark)} in a name`,
      { of: ['s14'], bytes: get(`X${mark}Y: z\r\n`), why: 'fieldName' },
    ]),
  ),
  'CRs in the version': { of: ['s15'], bytes: 'GET / HTTP/\r\r1.1\r\nHost: a\r\n\r\n', why: 'version' },
  'an empty length': { of: ['s16', 's38', 't5'], bytes: post('Content-Length: \r\n', ''), why: 'contentLength' },
  'an empty chunk size': { of: ['s17'], bytes: chunked('\r\n\r\n'), why: 'chunkSize' },
  'an empty name': { of: ['s18'], bytes: 'GET / HTTP/1.1\r\n: y\r\nHost: a\r\n\r\n', why: 'fieldName' },
  'LFs before a value': { of: ['s19'], bytes: get('X:\n\nGET / HTTP/1.1\r\n'), why: 'bareLineEnd' },
  'a next-line mark behind Content-Length': {
    of: ['s20'],
    bytes: post('Content-Length\x85: 5\r\n', '12345'),
    why: 'fieldName',
  },
  'a space of Latin-1 behind Content-Length': {
    of: ['s20'],
    bytes: post('Content-Length\xa0: 5\r\n', '12345'),
    why: 'fieldName',
  },
  'a comma before chunked': {
    of: ['s21', 't9', 't18'],
    bytes: post('Transfer-Encoding: ,chunked\r\n', '0\r\n\r\n'),
    why: 'coding',
  },
  'a comma before chunked, and a length': {
    of: ['s21', 't15', 't18'],
    bytes: post('Transfer-Encoding: ,chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
    why: 'coding',
  },
  'two lengths, the first larger': {
    of: ['s23', 's33'],
    bytes: post('Content-Length: 1\r\nContent-Length: 0\r\n', 'x'),
    why: 'contentLengthCount',
  },
  'two lengths, the last larger': {
    of: ['s23', 's33', 't22'],
    bytes: post('Content-Length: 0\r\nContent-Length: 1\r\n', 'x'),
    why: 'contentLengthCount',
  },
  'a version that overflows': { of: ['s24'], bytes: 'GET / HTTP/4294967297.257\r\nHost: a\r\n\r\n', why: 'version' },
  'a chunk size with 0x': { of: ['s25', 't19'], bytes: chunked('0x5\r\n12345\r\n0\r\n\r\n'), why: 'chunkSize' },
  'a signed chunk size': { of: ['s25', 't19'], bytes: chunked('+5\r\n12345\r\n0\r\n\r\n'), why: 'chunkSize' },
  'a last chunk of -0x0': { of: ['s25', 't19'], bytes: chunked('-0x0\r\n\r\n'), why: 'chunkSize' },
  'a negative length': { of: ['s26'], bytes: post('Content-Length: -48\r\n', ''), why: 'contentLength' },
  'a colon and nothing else': { of: ['s27'], bytes: get(':\r\nX: cut off\r\n'), why: 'fieldName' },
  'a space for a colon': { of: ['s28'], bytes: post('Content-Length 5\r\n', '12345'), why: 'spaceBeforeColon' },
  'a length with a letter behind it': {
    of: ['s29'],
    bytes: post('Content-Length: 5Z\r\n', '12345'),
    why: 'contentLength',
  },
  'an empty line of CR and a letter': {
    of: ['s30'],
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\rZGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    why: 'bareLineEnd',
  },
  'two CRs before an extension': {
    of: ['s31', 't3'],
    bytes: chunked('5\r\r;ABCD\r\n12345\r\n0\r\n\r\n'),
    why: 'bareLineEnd',
  },
  'a length with 0x': { of: ['s32', 't1'], bytes: post('Content-Length: 0x10\r\n', 'x'), why: 'contentLength' },
  'a NUL inside a value': { of: ['s35', 't12'], bytes: get('X: y\0dropped\r\n'), why: 'fieldValue' },
  'CRs at the end of an extension': {
    of: ['s36'],
    bytes: chunked('5;a=b\r\rXX12345\r\n0\r\n\r\n'),
    why: 'bareLineEnd',
  },
  'a name over two lines': {
    of: ['s37', 't14'],
    bytes: post('Transfer-\r\nEncoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
    why: 'fieldName',
  },
  'a last chunk that ends in two other bytes': {
    of: ['s39'],
    bytes: chunked('0\r\nXXGET / HTTP/1.1\r\n\r\n'),
    why: 'spaceBeforeColon',
  },
  'a method of NUL and a version of dots': {
    of: ['s40'],
    bytes: '\0 / HTTP/....0596.7407.\r\nHost: a\r\n\r\n',
    why: 'method',
  },
  'a version of dots': { of: ['s40'], bytes: 'GET / HTTP/....0596.7407.\r\nHost: a\r\n\r\n', why: 'version' },
  'an empty length before another': {
    of: ['s42', 't11'],
    bytes: post('Content-Length: \r\nContent-Length: 5\r\n', '12345'),
    why: 'contentLength',
  },
  'a NUL at the end of a value': { of: ['s43', 't12'], bytes: get('X: y\0\r\n'), why: 'fieldValue' },
  'an unknown coding': {
    of: ['s44'],
    bytes: post('Transfer-Encoding: blegh\r\n', '1\r\nx\r\n0\r\n\r\n'),
    why: 'coding',
  },
  'a coding between bytes of 255': {
    of: ['s46'],
    bytes: post('Transfer-Encoding: \xffchunked\xff\r\n', '1\r\nx\r\n0\r\n\r\n'),
    why: 'coding',
  },
  'a Host between bytes of 255': { of: ['s46'], bytes: 'GET / HTTP/1.1\r\nHost: \xffa\xff\r\n\r\n', why: 'host' },
  'a chunk that is a word': {
    of: ['s47', 't2'],
    bytes: chunked('INVALID!!!\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    why: 'chunkSize',
  },
  'chunk sizes of Z': { of: ['t2'], bytes: chunked('Z\r\nZZ\r\nZZZ\r\n\r\n'), why: 'chunkSize' },
  'a chunk that ends before it began': { of: ['t4'], bytes: chunked('1\r0\n'), why: 'bareLineEnd' },
  'a next-line mark in a name': { of: ['t6'], bytes: get('X\x85: y\r\n'), why: 'fieldName' },
  'a chunk size with words behind it': {
    of: ['t7'],
    bytes: chunked('1these-bytes\r\nx\r\n0\r\n\r\n'),
    why: 'chunkSize',
  },
  'a NUL in the Host': { of: ['t12'], bytes: 'GET / HTTP/1.1\r\nHost: a\0.b\r\n\r\n', why: 'fieldValue' },
  'a chunk that ends in LF': { of: ['t13'], bytes: chunked('5\r\n12345\n0\r\n\r\n'), why: 'chunkEnd' },
  'a LF in a name': { of: ['t14'], bytes: get('Te\nst: y\r\n'), why: 'fieldName' },
  'lines that end in LF': { of: ['t16'], bytes: 'GET / HTTP/1.1\nHost: a\nX: y\n\n', why: 'version' },
  'a blank line before the last chunk': {
    of: ['t17'],
    bytes: chunked('5\r\n12345\r\n\r\n0\r\n\r\n'),
    why: 'chunkSize',
  },
  'a NUL in a line without a colon': { of: ['t20'], bytes: get('X: y\r\nc\0\r\n'), why: 'fieldName' },
  'a length and a coding': {
    of: ['t23'],
    bytes: post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    why: 'lengthAndCoding',
  },
  'spaces before a chunk size': { of: ['t24'], bytes: chunked('     5\r\n12345\r\n0\r\n\r\n'), why: 'chunkSize' },
}

export interface SoundTrophy {
  of: readonly string[]
  bytes: string
  /** Each whole message that a server gets, by its body. */
  bodies: readonly string[]
  /** What the last of them must hold. */
  holds?: RegExp
}

/** Sound requests that others misread: a server gets what the client meant, framed anew, and nothing else. */
export const soundTrophies: Record<string, SoundTrophy> = {
  'a length that begins with a zero is decimal': {
    of: ['s32'],
    bytes: post('Content-Length: 010\r\n', '0123456789'),
    bodies: ['0123456789'],
  },
  'a trailer that looks like a request is one': {
    of: ['s39'],
    bytes: chunked('0\r\nX:POST / HTTP/1.1\r\n\r\n'),
    bodies: [''],
  },
  'bytes above ASCII at the ends of a value stay there': {
    of: ['s41'],
    bytes: get('User: \x85admin\xa0\r\n'),
    bodies: [''],
    holds: /\r\nuser: \x85admin\xa0\r\n/i,
  },
  'what is malformed behind a request takes nothing away from it': {
    of: ['s45'],
    bytes: `${get('')}Invalid\r\n\r\n`,
    bodies: [''],
  },
  'a request behind one without a body is a request': {
    of: ['s48'],
    bytes: post('Content-Length: 0\r\n', '') + post('Content-Length: 5\r\n', '12345') + get(''),
    bodies: ['', '12345', ''],
  },
  'a request inside a chunk is a body': {
    of: ['t17'],
    bytes: chunked('17\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\n\r\n'),
    bodies: ['0\r\n\r\nGET / HTTP/1.1\r\n\r\n'],
  },
  'the body of a GET goes with it': {
    of: ['t21'],
    bytes: `${get('Content-Length: 10\r\n')}1234567890`,
    bodies: ['1234567890'],
  },
  'a byte behind a chunked body is of no message': {
    of: ['bonus 3'],
    bytes: `${chunked('5\r\n12345\r\n0\r\n\r\n')}\0`,
    bodies: ['12345'],
  },
}

/** The numbers that the list has and this file speaks of. */
export const trophyNumbers = [
  ...Array.from({ length: 48 }, (_, i) => `s${i + 1}`),
  ...Array.from({ length: 25 }, (_, i) => `t${i + 1}`).filter((number) => number !== 't8'),
]
