// Every write that the system has acknowledged, and every one whose outcome its client does not know.
//
// Acknowledged: a 2xx answer came whole; it must be there exactly once for ever. In doubt: the request was sent and its
// answer was lost or was an error; it may be there once or not at all, but never twice. Anything else is a finding.

export interface PhotoEntry {
  id: string
  userId: string
  /** Unique in the run, so that a photo that was stored twice is seen. */
  caption: string
  likers: Set<string>
  likersInDoubt: Set<string>
  /** Text by comment id; every text is unique in the run. */
  comments: Map<string, string>
  commentTextsInDoubt: Set<string>
  /** Counted when a comment is sent, so that a photo never has more than its page shows. */
  commentsSent: number
  thumbnails: string[]
}

export interface PersonEntry {
  id: string
  name: string
  cookies: Map<string, string>
  photos: PhotoEntry[]
  captionsInDoubt: Set<string>
  followers: Set<string>
  followersInDoubt: Set<string>
}

export interface TipEntry {
  /** What the first answer said; every repetition with the same key must say the same. */
  answer: unknown
  key: string
  fromUserId: string
  toUserId: string
  cents: number
}

export class Ledger {
  readonly people: PersonEntry[] = []
  readonly photos: PhotoEntry[] = []
  readonly tips: TipEntry[] = []
  /** Tips whose outcome is not known. */
  readonly tipsInDoubt: Array<Omit<TipEntry, 'answer'>> = []
  #byId = new Map<string, PersonEntry>()

  person(id: string): PersonEntry | undefined {
    return this.#byId.get(id)
  }

  addPerson(id: string, name: string): PersonEntry {
    const person: PersonEntry = {
      id,
      name,
      cookies: new Map(),
      photos: [],
      captionsInDoubt: new Set(),
      followers: new Set(),
      followersInDoubt: new Set(),
    }
    this.people.push(person)
    this.#byId.set(id, person)
    return person
  }

  addPhoto(author: PersonEntry, id: string, caption: string): PhotoEntry {
    const photo: PhotoEntry = {
      id,
      userId: author.id,
      caption,
      likers: new Set(),
      likersInDoubt: new Set(),
      comments: new Map(),
      commentTextsInDoubt: new Set(),
      commentsSent: 0,
      thumbnails: [],
    }
    author.photos.push(photo)
    this.photos.push(photo)
    return photo
  }
}

export type WriteKind = 'signup' | 'session' | 'upload' | 'thumbnail' | 'like' | 'comment' | 'follow' | 'tip'

export interface Finding {
  problem: 'lost' | 'doubled' | 'unreadable'
  kind: WriteKind
  id: string
  detail: string
}

/** What verification found. `findings` names the first ones; the numbers count all. */
export interface LedgerVerdict {
  checked: Record<WriteKind, number>
  inDoubt: number
  lost: number
  doubled: number
  unreadable: number
  findings: Finding[]
  durationMs: number
}
