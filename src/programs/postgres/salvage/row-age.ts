// Whether a row is as it was when the lost transactions changed it: nobody but this replay has written it since.
//
// A row's xmin is the id of the transaction that wrote it, of which the row keeps 32 of 64 bits, also when it is frozen
// (since PostgreSQL 9.4). The server's next id tells which 64 bits are meant: ids are given in order, so that a row's id
// lies shortly above the next one that we saw (a transaction that began since) or below it. Worked example: the next id
// is 2^32 + 5 and the row says 4294967295: that is one of the ids before, 2^32 - 1, not 2^33 - 1.

/** Ids that may be given between our look at the next one and at the row: far more than in any statement's time. */
const newerMax = 2n ** 28n
/** Ids below are not given to transactions: 1 made the cluster, 2 stands for "long ago". */
const firstNormalId = 3n
/** Past this many transactions since the failover the 32 bits could mean another one. */
export const replayableIdsMax = 2n ** 31n

/** All 64 bits of `xmin`. */
export function fullXid(xmin: bigint, nextXid: bigint): bigint {
  if (xmin < firstNormalId) return xmin
  const ahead = BigInt.asUintN(32, xmin - nextXid)
  return ahead < newerMax ? nextXid + ahead : nextXid + ahead - 2n ** 32n
}

/** The row was there at the failover as it is now. */
export function isOlder(xmin: bigint, nextXid: bigint, promotedXid: bigint): boolean {
  return fullXid(xmin, nextXid) < promotedXid
}
