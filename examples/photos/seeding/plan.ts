// What is done for a number of users and a seed: all of it decided before the first request. Pure.

import { Chance } from './chance.ts'
import { makeNetwork } from './network.ts'
import { captionFor, commentFor, nameOf } from './words.ts'

const photosOfCelebrity = 6
/** One of these, by chance. */
const photosOfUser = [0, 0, 1, 1, 2] as const
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
    const count = isCelebrity ? photosOfCelebrity : chance.pick(photosOfUser)
    return Array.from({ length: count }, (_, index) =>
      planPhoto(owner, index, { isCelebrity, fans: followers[owner] ?? [], chance }),
    )
  })
  const mixed = photos.flat()
  mixed.sort(byChance(seed))
  return { names: Array.from({ length: users }, (_, user) => nameOf(user)), follows, photos: mixed }
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

/** So that the photos of one owner do not stand in a row in the feeds. */
function byChance(seed: number): (a: PlannedPhoto, b: PlannedPhoto) => number {
  const turn = ({ owner, index }: PlannedPhoto) => new Chance(seed, 'turn', owner, index).next()
  return (a, b) => turn(a) - turn(b)
}

function someOf(from: readonly number[], count: number, chance: Chance): number[] {
  const rest = [...from]
  const some: number[] = []
  while (some.length < count && rest.length > 0) some.push(...rest.splice(chance.whole(0, rest.length - 1), 1))
  return some
}
