// Who follows whom. A few celebrities have about a third of all followers; the others follow a power law, as people do. Pure.

import { Chance } from './chance.ts'

const celebrityShare = 1 / 3
const followsMin = 4
const followsMax = 14
const attemptsPerFollow = 8

/** How unequal ordinary users are: the user of rank r is followed in proportion to 1 / (r + 10) ** 0.7. */
const exponent = 0.7
const rankShift = 10

export interface Network {
  /** The first so many users are celebrities. */
  celebrities: number
  /** By user: whom that user follows. */
  following: ReadonlyArray<ReadonlySet<number>>
}

/** @example celebritiesOf(200) === 4, celebritiesOf(10_000) === 25 */
export function celebritiesOf(users: number): number {
  return Math.min(users, Math.max(1, Math.ceil(Math.sqrt(users) / 4)))
}

export function makeNetwork(users: number, seed: number): Network {
  const celebrities = celebritiesOf(users)
  const ordinary = ranks(celebrities, users)
  const following = Array.from({ length: users }, (_, user) => {
    const chance = new Chance(seed, 'follows', user)
    const wanted = Math.min(users - 1, chance.whole(followsMin, followsMax))
    const followed = new Set<number>()
    for (let attempt = 0; followed.size < wanted && attempt < wanted * attemptsPerFollow; attempt++) {
      const isCelebrity = chance.next() < celebrityShare || ordinary.length === 0
      const candidate = isCelebrity ? chance.whole(0, celebrities - 1) : drawFrom(ordinary, celebrities, chance)
      if (candidate !== user) followed.add(candidate)
    }
    return followed
  })
  return { celebrities, following }
}

/** Running sums of the weights of the users from `first` on. */
function ranks(first: number, users: number): number[] {
  const sums: number[] = []
  let sum = 0
  for (let rank = 1; first + rank <= users; rank++) {
    sum += (rank + rankShift) ** -exponent
    sums.push(sum)
  }
  return sums
}

function drawFrom(sums: readonly number[], first: number, chance: Chance): number {
  const target = chance.next() * (sums.at(-1) ?? 0)
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sums[middle] ?? 0) > target) high = middle
    else low = middle + 1
  }
  return first + low
}
