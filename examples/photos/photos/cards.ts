// Cards of many photos, from the slots of their owners. Each is remembered for some seconds, so that a photo that everybody sees is
// read once; those that are not are fetched together, one statement per slot.

import type { Database } from 'tenfold'
import type { Schema } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'
import { cardOf, type PhotoCard } from './card.ts'
import { selectPhotos } from './rows.ts'

export interface PhotoRef {
  userId: string
  photoId: string
}

export async function cardsOf({ db, cache }: AppTiers, refs: readonly PhotoRef[]): Promise<PhotoCard[]> {
  const fetch = batch(db)
  const cards = await Promise.all(refs.map((ref) => cache.wrap(cardKey(ref), { ttl: '5s' }, () => fetch(ref))))
  return cards.filter((card) => card !== undefined)
}

/** So that who likes a photo sees the like at once; others see it when the card is old. */
export async function forgetCard({ cache }: Pick<AppTiers, 'cache'>, ref: PhotoRef): Promise<void> {
  await cache.delete(cardKey(ref))
}

function cardKey({ photoId }: PhotoRef): string {
  return `card:${photoId}`
}

type Fetch = (ref: PhotoRef) => Promise<PhotoCard | undefined>

/** Gathers what is asked for in one turn of the event loop. Lives as long as one request: its bound is the length of a page. */
function batch(db: Database<Schema>): Fetch {
  let waiting = new Map<number, { refs: PhotoRef[]; cards: Promise<Map<string, PhotoCard>> }>()
  return async (ref) => {
    const slot = db.slotOf(ref.userId)
    let group = waiting.get(slot)
    if (!group) {
      const refs: PhotoRef[] = []
      const cards = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
        waiting = new Map()
        return await fetchSlot(db, refs)
      })
      group = { refs, cards }
      waiting.set(slot, group)
    }
    group.refs.push(ref)
    return (await group.cards).get(ref.photoId)
  }
}

async function fetchSlot(db: Database<Schema>, refs: readonly PhotoRef[]): Promise<Map<string, PhotoCard>> {
  const first = refs[0]
  if (!first) return new Map()
  const rows = await selectPhotos(db.of(first.userId))
    .where('user_id', 'in', [...new Set(refs.map((ref) => ref.userId))])
    .where(
      'photo_id',
      'in',
      refs.map((ref) => ref.photoId),
    )
    .execute()
  return new Map(rows.map((row) => [row.photo_id, cardOf(row)]))
}
