// The pages, in a scope of their own: they take forms and answer HTML, where the API takes and answers JSON.

import type { AppTiers } from '../tiers.ts'
import { dayPages } from './day.ts'
import { feedPages } from './feed.ts'
import { photoPages } from './photo.ts'
import { profilePages } from './profile.ts'
import { preparePages } from './scope.ts'
import { uploadPages } from './upload.ts'
import { welcomePages } from './welcome.ts'

export function pageRoutes(tiers: AppTiers): void {
  void tiers.http.register(async (pages) => {
    preparePages(pages, tiers)
    welcomePages(pages, tiers)
    feedPages(pages, tiers)
    dayPages(pages, tiers)
    profilePages(pages, tiers)
    photoPages(pages, tiers)
    uploadPages(pages, tiers)
  })
}
