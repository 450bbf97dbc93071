// The virtual users and whom they look at: the ledger's people, chosen by Zipf, so that a few are celebrities.

import type { Random } from '../../base/random.ts'
import type { Ledger, PersonEntry, PhotoEntry } from '../ledger.ts'
import type { Cookies } from './cookies.ts'
import { ZipfRanks } from './zipf.ts'

/** A photo's page shows its newest 100 comments: with fewer, every one can be looked for at the end. */
const commentsPerPhotoMax = 90
const recentPhotos = 20
const picksMax = 20

export class Crowd {
  readonly ledger: Ledger
  readonly random: Random
  #ranks = new ZipfRanks()
  #sequence = 0
  readonly #run: string

  /** `run` makes the names of this run differ from those of every other one on the same data. */
  constructor(ledger: Ledger, random: Random, run: string) {
    this.ledger = ledger
    this.random = random
    this.#run = run
  }

  /** Text that appears once in the whole run. */
  unique(prefix: string): string {
    return `${prefix} ${this.#run}-${++this.#sequence}`
  }

  /** Takes a newcomer's acknowledged signup. */
  join(id: string, name: string, cookies: Cookies): void {
    this.ledger.addPerson(id, name).cookies = cookies
    this.#ranks.grow()
  }

  /** Someone, the better known the more often. */
  person(): PersonEntry {
    const person = this.ledger.people[this.#ranks.pick(this.random)]
    if (!person) throw new Error('the crowd is empty: sign up the first users before the load starts')
    return person
  }

  other(person: PersonEntry): PersonEntry {
    for (let pick = 0; pick < picksMax; pick++) {
      const other = this.person()
      if (other !== person) return other
    }
    return this.ledger.people.find((other) => other !== person) ?? person
  }

  /** One of the newest photos of someone. */
  photo(): PhotoEntry {
    for (let pick = 0; pick < picksMax; pick++) {
      const { photos } = this.person()
      const recent = Math.min(recentPhotos, photos.length)
      const photo = photos[photos.length - 1 - this.random.int(Math.max(1, recent))]
      if (photo) return photo
    }
    return this.random.pick(this.ledger.photos)
  }

  photoToComment(): PhotoEntry {
    for (let pick = 0; pick < picksMax; pick++) {
      const photo = this.photo()
      if (photo.commentsSent < commentsPerPhotoMax) return photo
    }
    return this.ledger.photos.find((photo) => photo.commentsSent < commentsPerPhotoMax) ?? this.photo()
  }
}
