// Carrying a plan out, stage by stage, over the app's API.

import { setTimeout as sleep } from 'node:timers/promises'
import { TenfoldError } from 'tenfold'
import { Chance } from './chance.ts'
import { inParallel, type PhotoClient } from './client.ts'
import { makeJpeg } from './jpeg.ts'
import type { PlannedPhoto, SeedPlan } from './plan.ts'

const requestsAtOnce = 16
const uploadsAtOnce = 3
const readyTimeoutMs = 300_000
const pollMs = 100
const progressEveryMs = 1_000

export type SeedReport = {
  users: number
  follows: number
  photos: number
  likes: number
  comments: number
}

interface Member {
  id: string
  cookie: string | undefined
}

type Upload = PlannedPhoto & { path: string }

export class Seeding {
  readonly #client: PhotoClient
  readonly #plan: SeedPlan
  readonly #seed: number
  readonly #onProgress: (line: string) => void
  readonly #members: Member[] = []

  constructor(client: PhotoClient, plan: SeedPlan, seedNumber: number, onProgress: (line: string) => void) {
    this.#client = client
    this.#plan = plan
    this.#seed = seedNumber
    this.#onProgress = onProgress
  }

  async run(): Promise<SeedReport> {
    const { names, follows, photos } = this.#plan
    await this.#each('users', names, requestsAtOnce, async (name, user) => {
      this.#members[user] = await this.#enter(name)
    })
    await this.#each('follows', follows, requestsAtOnce, async ({ user, followee }) => {
      await this.#client.call({
        path: `/api/users/${this.#member(followee).id}/follow`,
        cookie: this.#member(user).cookie,
      })
    })
    const uploads: Upload[] = []
    await this.#each('photos', photos, uploadsAtOnce, async (photo, index) => {
      uploads[index] = { ...photo, path: await this.#upload(photo) }
    })
    const reactions = uploads.flatMap((photo) => this.#reactionsTo(photo))
    await this.#each('likes and comments', reactions, requestsAtOnce, async (react) => await react())
    const deadlineMs = Date.now() + readyTimeoutMs
    await this.#each('thumbnails', uploads, uploadsAtOnce, async ({ path }) => await this.#untilReady(path, deadlineMs))
    const comments = photos.reduce((sum, photo) => sum + photo.comments.length, 0)
    return {
      users: names.length,
      follows: follows.length,
      photos: photos.length,
      likes: reactions.length - comments,
      comments,
    }
  }

  /** Who was seeded before is let in again. */
  async #enter(name: string): Promise<Member> {
    const signedUp = await this.#client.call<{ id: string }>({ path: '/api/signup', json: { name }, expected: [409] })
    const answer =
      signedUp.status === 409
        ? await this.#client.call<{ id: string }>({ path: '/api/login', json: { name } })
        : signedUp
    return { id: answer.body.id, cookie: answer.cookie }
  }

  async #upload({ owner, index, caption }: PlannedPhoto): Promise<string> {
    const jpeg = await makeJpeg(new Chance(this.#seed, 'picture', owner, index))
    const { body } = await this.#client.call<{ id: string; userId: string }>({
      path: `/api/photos?caption=${encodeURIComponent(caption)}`,
      cookie: this.#member(owner).cookie,
      jpeg,
      idempotencyKey: `seed-${this.#seed}-photo-${owner}-${index}`,
    })
    return `/api/photos/${body.userId}/${body.id}`
  }

  #reactionsTo({ path, owner, index, likers, comments }: Upload): Array<() => Promise<unknown>> {
    const likes = likers.map(
      (liker) => () => this.#client.call({ path: `${path}/like`, cookie: this.#member(liker).cookie }),
    )
    const said = comments.map(
      ({ author, text }) =>
        () =>
          this.#client.call({
            path: `${path}/comments`,
            cookie: this.#member(author).cookie,
            json: { text },
            idempotencyKey: `seed-${this.#seed}-comment-${owner}-${index}`,
          }),
    )
    return [...likes, ...said]
  }

  async #untilReady(path: string, deadlineMs: number): Promise<void> {
    for (;;) {
      const { body } = await this.#client.call<{ status: string }>({ method: 'GET', path })
      if (body.status !== 'processing') return
      if (Date.now() > deadlineMs)
        throw new TenfoldError('timeout', `${path} has no thumbnails after ${readyTimeoutMs} ms: does a worker run?`)
      await sleep(pollMs)
    }
  }

  #member(user: number): Member {
    const member = this.#members[user]
    if (!member) throw new TenfoldError('bad-input', `user ${user} of the plan was never signed up`)
    return member
  }

  async #each<T>(
    stage: string,
    items: readonly T[],
    atOnce: number,
    work: (item: T, index: number) => Promise<unknown>,
  ): Promise<void> {
    let done = 0
    let saidAtMs = Date.now()
    await inParallel(items, atOnce, async (item, index) => {
      await work(item, index)
      done++
      if (done < items.length && Date.now() - saidAtMs < progressEveryMs) return
      saidAtMs = Date.now()
      this.#onProgress(`${stage}: ${done} of ${items.length}`)
    })
  }
}
