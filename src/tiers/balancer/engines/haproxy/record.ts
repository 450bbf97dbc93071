// What whoever comes after us must know to go on with the HAProxy that runs: what it was told. Written when it holds: who dies
// before that leaves a record that says too little, and his successor says it again.

import { fstatSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeWhole } from '../../../../programs/haproxy/files.ts'
import type { Upstreams } from '../../contract.ts'
import type { Listener } from './listener.ts'

export interface Inherited {
  /** The number that the descriptor had with us; the configuration counts them in this order. */
  fd: number
  /** Of the socket: the same number may be another socket by the time somebody reads this. */
  inode: number
}

export interface HaproxyRecord {
  version: 1
  masterPid: number
  inherited: Inherited[]
  listeners: Listener[]
  upstreams: Upstreams
  configuration: string
}

export async function readRecord(dir: string): Promise<HaproxyRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(fileIn(dir), 'utf8')) as HaproxyRecord
    return record.version === 1 ? record : undefined
  } catch {
    return undefined
  }
}

export async function writeRecord(dir: string, record: HaproxyRecord): Promise<void> {
  await writeWhole(fileIn(dir), JSON.stringify(record))
}

export function inheritedOf(descriptors: readonly number[]): Inherited[] {
  return descriptors.map((fd) => ({ fd, inode: fstatSync(fd).ino }))
}

/** Whether a HAProxy that was started with the ones has every socket of the others, in the same places. */
export function hasAll(had: readonly Inherited[], wanted: readonly Inherited[]): boolean {
  return wanted.every(({ fd, inode }) => had.some((one) => one.fd === fd && one.inode === inode))
}

function fileIn(dir: string): string {
  return join(dir, 'record.json')
}
