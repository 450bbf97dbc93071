// What pages do better with a script: like without leaving, preview before uploading, show thumbnails when they are ready.
// Everything works without it.

const pollEveryMs = 400
const pollsMax = 150

for (const form of document.querySelectorAll('form[data-like]')) form.addEventListener('submit', like)
for (const place of document.querySelectorAll('[data-processing]')) void showWhenReady(place)
const upload = document.querySelector('form.upload')
if (upload) preview(upload)
for (const form of document.querySelectorAll('form')) form.addEventListener('submit', onlyOnce)

async function like(event) {
  event.preventDefault()
  const form = event.currentTarget
  const button = form.querySelector('button')
  const answer = await fetch(`/api/photos/${form.dataset.like}/like`, { method: 'POST' })
  if (answer.status === 401) location.assign(`/welcome?next=${encodeURIComponent(location.pathname)}`)
  if (!answer.ok) return
  const { likes } = await answer.json()
  button.setAttribute('aria-pressed', 'true')
  button.querySelector('output').textContent = likes.toLocaleString('en')
}

async function showWhenReady(place) {
  for (let poll = 0; poll < pollsMax; poll++) {
    await new Promise((resolve) => setTimeout(resolve, pollEveryMs))
    const answer = await fetch(`/api/photos/${place.dataset.processing}`)
    if (!answer.ok) continue
    const photo = await answer.json()
    if (photo.status === 'processing') continue
    if (photo.status === 'failed') return failed(place)
    const picture = new Image(photo.width, photo.height)
    picture.className = 'picture'
    picture.alt = photo.caption
    picture.src = photo.thumbnails['1024']
    await picture.decode()
    place.replaceWith(picture)
    return
  }
}

function failed(place) {
  place.classList.replace('processing', 'failed')
  place.textContent = 'This picture could not be read'
}

function preview(form) {
  const field = form.querySelector('input[type=file]')
  const drop = form.querySelector('.drop')
  const image = form.querySelector('.preview')
  field.addEventListener('change', () => {
    const [file] = field.files
    URL.revokeObjectURL(image.src)
    image.hidden = !file
    drop.classList.toggle('chosen', Boolean(file))
    if (file) image.src = URL.createObjectURL(file)
  })
  for (const name of ['dragenter', 'dragover'])
    drop.addEventListener(name, (event) => {
      event.preventDefault()
      drop.classList.add('over')
    })
  for (const name of ['dragleave', 'drop']) drop.addEventListener(name, () => drop.classList.remove('over'))
  drop.addEventListener('drop', (event) => {
    event.preventDefault()
    field.files = event.dataTransfer.files
    field.dispatchEvent(new Event('change'))
  })
}

// A second press of the button while the first is under way does nothing.
function onlyOnce(event) {
  const form = event.currentTarget
  if (form.dataset.like) return
  const button = event.submitter ?? form.querySelector('button[type=submit]')
  setTimeout(() => {
    button.disabled = true
    button.classList.add('busy')
  })
}

// Back and forward bring a page as it was left: its buttons work again.
addEventListener('pageshow', () => {
  for (const button of document.querySelectorAll('button.busy')) {
    button.disabled = false
    button.classList.remove('busy')
  }
})
