// What is done for a number of users and a seed: all of it decided before the first request. Pure.

import { Chance } from './chance.ts'
import { makeNetwork } from './network.ts'
import { captionFor, commentFor, nameOf } from './words.ts'

const photosOfCelebrity = 6
const photosOfUserMax = 2
const likesMax = 12
const likesOfCelebrityMax = 60
const commentsMax = 2
const commentsOfCelebrityMax = 8

export interface SeedPlan {
  names: string[]
  follows: Array<{ user: number; followee: number }>
  photos: PlannedPhoto[]
}

export interface PlannedPhoto {
  owner: number
  /** Counts the owner's photos: with the seed and the owner it names the picture. */
  index: number
  caption: string
  likers: number[]
  comments: Array<{ author: number; text: string }>
}

export function makePlan(users: number, seed: number): SeedPlan {
  const { celebrities, following } = makeNetwork(users, seed)
  const followers: number[][] = Array.from({ length: users }, () => [])
  const follows = following.flatMap((followed, user) => [...followed].map((followee) => ({ user, followee })))
  for (const { user, followee } of follows) followers[followee]?.push(user)
  const photos = Array.from({ length: users }, (_, owner) => {
    const chance = new Chance(seed, 'photos', owner)
    const isCelebrity = owner < celebrities
    const count = isCelebrity ? photosOfCelebrity : chance.whole(0, photosOfUserMax)
    return Array.from({ length: count }, (_, index) =>
      planPhoto(owner, index, { isCelebrity, fans: followers[owner] ?? [], chance }),
    )
  })
  // One of each owner after the other, so that feeds are mixed.
  const inTurn = photos.flat().sort((a, b) => a.index - b.index || a.owner - b.owner)
  return { names: Array.from({ length: users }, (_, user) => nameOf(user)), follows, photos: inTurn }
}

function planPhoto(
  owner: number,
  index: number,
  { isCelebrity, fans, chance }: { isCelebrity: boolean; fans: readonly number[]; chance: Chance },
): PlannedPhoto {
  const likers = someOf(fans, chance.whole(0, isCelebrity ? likesOfCelebrityMax : likesMax), chance)
  const authors = someOf(fans, chance.whole(0, isCelebrity ? commentsOfCelebrityMax : commentsMax), chance)
  const comments = authors.map((author) => ({ author, text: commentFor(chance) }))
  return { owner, index, caption: captionFor(chance), likers, comments }
}

function someOf(from: readonly number[], count: number, chance: Chance): number[] {
  const rest = [...from]
  const some: number[] = []
  while (some.length < count && rest.length > 0) some.push(...rest.splice(chance.whole(0, rest.length - 1), 1))
  return some
}
