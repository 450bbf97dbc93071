// The job behind an upload: two thumbnails, then "ready". It may run twice: only the run that changes the status tells followers.
// The pictures are made in a thread (thumbnail-thread.ts), so that one that takes long keeps nobody waiting, and one that takes
// too long is ended; what the thread needs and makes is fetched and kept here.

import type { Database } from 'tenfold'
import { fresh } from '../fresh.ts'
import { soon } from '../jobs.ts'
import type { Schema } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'
import type { PhotoRef } from './cards.ts'
import type { MadeThumbnails } from './thumbnail-thread.ts'

const thread = new URL('./thumbnail-thread.ts', import.meta.url)
const threads = { concurrency: 2, leaseMs: 60_000, timeoutMs: 45_000 }

type Thumbnails = Extract<MadeThumbnails, { isMade: true }>

export function thumbnailJobs(tiers: AppTiers): void {
  const { jobs, db, log } = tiers
  jobs.photoUploaded.handleInThread(threads, thread, {
    before: ({ payload }) => originalOf(db, payload),
    after: async ({ payload }, made: MadeThumbnails) => {
      if (made.isMade) return await setReady(tiers, payload, made)
      log.warn({ ...payload, reason: made.reason }, 'a photo cannot be decoded')
      await setFailed(tiers, payload)
    },
  })
}

/** Undefined when another run was here before. */
async function originalOf(db: Database<Schema>, { userId, photoId }: PhotoRef): Promise<Buffer | undefined> {
  const file = await fresh(db, userId, (from) =>
    from
      .selectFrom('photo_files as file')
      .innerJoin('photos as photo', (join) =>
        join.onRef('photo.user_id', '=', 'file.user_id').onRef('photo.photo_id', '=', 'file.photo_id'),
      )
      .select('file.bytes')
      .where('file.user_id', '=', userId)
      .where('file.photo_id', '=', photoId)
      .where('file.kind', '=', 'original')
      .where('photo.status', '=', 'processing')
      .executeTakeFirst(),
  )
  return file?.bytes
}

async function setReady({ db, jobs }: AppTiers, photo: PhotoRef, made: Thumbnails): Promise<void> {
  const keys = { user_id: photo.userId, photo_id: photo.photoId }
  const file = { ...keys, version: made.version, content_type: 'image/jpeg' }
  await db.of(photo.userId).transaction(async (tx) => {
    const changed = await tx
      .updateTable('photos')
      .set({ status: 'ready', version: made.version, width: made.width, height: made.height })
      .where('user_id', '=', photo.userId)
      .where('photo_id', '=', photo.photoId)
      .where('status', '=', 'processing')
      .executeTakeFirst()
    if (changed.numUpdatedRows === 0n) return
    await tx
      .insertInto('photo_files')
      .values([
        { ...file, kind: '256', bytes: bufferOf(made.small) },
        { ...file, kind: '1024', bytes: bufferOf(made.large) },
      ])
      .execute()
    await jobs.photoReady.in(tx).publish(photo, { priority: soon })
  })
}

/** The same bytes, as the database takes them. */
function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}

async function setFailed({ db }: AppTiers, photo: PhotoRef): Promise<void> {
  await db
    .of(photo.userId)
    .updateTable('photos')
    .set({ status: 'failed' })
    .where('user_id', '=', photo.userId)
    .where('photo_id', '=', photo.photoId)
    .where('status', '=', 'processing')
    .execute()
}
