// What must hold of one acknowledged photo: it is there, its thumbnails are made, its likes and comments are counted once.

import type { Finding, PhotoEntry } from '../ledger.ts'
import { checkCount, findingOf, show } from './finding.ts'
import type { Read } from './read.ts'

interface PhotoAnswer {
  id: string
  caption: string
  status?: string
  likes: number
  commentCount: number
  comments: Array<{ id: string; text: string }>
}

export async function checkPhoto(photo: PhotoEntry, read: Read): Promise<Finding[]> {
  const find = findingOf(photo.id)
  const path = `/api/photos/${photo.userId}/${photo.id}`
  const { status, json } = await read({ method: 'GET', path })
  const answer = json as PhotoAnswer
  if (status !== 200 || answer.caption !== photo.caption)
    return [find('upload', 'lost', `GET ${path} answered ${status}, caption ${show(answer?.caption)}`)]
  const isReady = answer.status === 'ready'
  return [
    ...(isReady ? [] : [find('thumbnail', 'lost', `its status is ${show(answer.status)}: the job was not done`)]),
    ...checkCount(find, 'like', answer.likes, photo.likers, photo.likersInDoubt),
    ...checkComments(photo, answer),
  ]
}

function checkComments(photo: PhotoEntry, { comments, commentCount }: PhotoAnswer): Finding[] {
  const find = findingOf(photo.id)
  const shownTexts = new Map(comments.map((comment) => [comment.id, comment.text]))
  const lost = [...photo.comments].filter(([id, text]) => shownTexts.get(id) !== text)
  const texts = comments.map((comment) => comment.text)
  const doubled = texts.filter((text, index) => texts.indexOf(text) !== index)
  return [
    ...lost.map(([id, text]) => find('comment', 'lost', `comment ${id} ${show(text)} is not among its comments`)),
    ...doubled.map((text) => find('comment', 'doubled', `${show(text)} is there more than once`)),
    ...checkCount(find, 'comment', commentCount, new Set(photo.comments.keys()), photo.commentTextsInDoubt),
  ]
}
