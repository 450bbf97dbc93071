// What virtual users do. Each acknowledged write goes into the ledger, each one of unknown outcome into its doubts.
//
// Every POST carries an Idempotency-Key: signups, uploads, comments and tips are run once per key by the app, and a like is
// idempotent per user by its nature. So a balancer or a client may repeat them after a server's death.

import { randomUUID } from 'node:crypto'
import type { Crowd } from './crowd.ts'
import { jpegWith } from './jpeg.ts'
import { idOf, jsonOf, type Operation, write } from './operation.ts'

export const writes = {
  signup(crowd: Crowd): Operation {
    const name = crowd.unique('visitor')
    const cookies = new Map<string, string>()
    return write({
      cookies,
      path: '/api/signup',
      body: { name },
      idempotencyKey: randomUUID(),
      accept: (answer) => crowd.join(idOf(answer), name, cookies),
      doubt() {},
    })
  },

  upload(crowd: Crowd): Operation {
    const author = crowd.person()
    const caption = crowd.unique('photo')
    return write({
      cookies: author.cookies,
      path: `/api/photos?caption=${encodeURIComponent(caption)}`,
      body: jpegWith(caption),
      idempotencyKey: randomUUID(),
      accept: (answer) => void crowd.ledger.addPhoto(author, idOf(answer), caption),
      doubt: () => author.captionsInDoubt.add(caption),
    })
  },

  like(crowd: Crowd): Operation {
    const liker = crowd.person()
    const photo = crowd.photo()
    return write({
      cookies: liker.cookies,
      path: `/api/photos/${photo.userId}/${photo.id}/like`,
      body: {},
      idempotencyKey: randomUUID(),
      accept: () => photo.likers.add(liker.id),
      doubt: () => photo.likersInDoubt.add(liker.id),
    })
  },

  comment(crowd: Crowd): Operation {
    const author = crowd.person()
    const photo = crowd.photoToComment()
    const text = crowd.unique('well seen')
    photo.commentsSent++
    return write({
      cookies: author.cookies,
      path: `/api/photos/${photo.userId}/${photo.id}/comments`,
      body: { text },
      idempotencyKey: randomUUID(),
      accept: (answer) => photo.comments.set(idOf(answer), text),
      doubt: () => photo.commentTextsInDoubt.add(text),
    })
  },

  tip(crowd: Crowd): Operation {
    const giver = crowd.person()
    const tip = { key: randomUUID(), fromUserId: giver.id, toUserId: crowd.other(giver).id, cents: 100 }
    return write({
      cookies: giver.cookies,
      path: '/api/tips',
      body: { toUserId: tip.toUserId, cents: tip.cents },
      idempotencyKey: tip.key,
      accept: (answer) => crowd.ledger.tips.push({ ...tip, answer: jsonOf(answer) }),
      doubt: () => crowd.ledger.tipsInDoubt.push(tip),
    })
  },

  /** Not of the mix: it makes the crowd a graph before the load starts. */
  follow(crowd: Crowd): Operation {
    const follower = crowd.person()
    const followee = crowd.other(follower)
    return write({
      cookies: follower.cookies,
      path: `/api/users/${followee.id}/follow`,
      body: {},
      idempotencyKey: randomUUID(),
      accept: () => followee.followers.add(follower.id),
      doubt: () => followee.followersInDoubt.add(follower.id),
    })
  },
}
