// How much of the server's disk the copy of a stream may take.
//
// A server sets max_bytes aside when a stream is made, used or not, and refuses one for which not enough is left of its disk
// (error 10047). What has no max_bytes takes nothing beforehand, and as much as it likes: when the whole is used up the server
// refuses every message of every stream, jobs too. So a copy begins small, and is given room as it fills.
//
// Worked example: a copy of 16 MiB that holds 10 MiB may take 32 MiB from now on; one of 64 MiB that holds 10 MiB stays as it is;
// one of 1 GiB, as copies once were made, is left 32 MiB.

import { streamLimits } from './options.ts'

const { bytesMin, bytesMax } = streamLimits

/** Twice what it holds, as a power of two; less than it has only when that is a fourth, so that it does not go up and down. */
export function copyBytes({ held, now }: { held: number; now: number }): number {
  const wanted = Math.min(bytesMax, Math.max(bytesMin, 2 ** Math.ceil(Math.log2(2 * held + 1))))
  return wanted > now || wanted <= now / 4 || now > bytesMax ? wanted : now
}
