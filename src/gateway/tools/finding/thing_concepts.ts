/** Concepts about things, in the format of `CONCEPTS`. */
export const THINGS = `
screenshot, screen shot, picture, capture, snap, photo, screen capture, screen grab, image of the page, screengrab, image of the screen, picture of the page, picture of the screen, screencap
displaying, is displayed, being displayed > page, screenshot, snapshot
screenshot > image, snapshot
image, picture, photo, graphic, logo, icon, png, jpeg, illustration, drawing
image > media
look like, looks like > screenshot, snapshot, style
visual, visually, rendering, rendered > screenshot, page
audio, sound, music, song, voice, mp3 > media
video, movie, film, clip, screencast, screen recording, recording
video > media
media, image, audio, video
picture > media
snapshot, accessibility tree, page structure, dump, structure of the page, structure of the current page
page content, page text, what is on the page, what is on the screen, on the page, on the screen, on screen, current screen, visible > snapshot, page, find
page, webpage, web page, website, web site, site, web
tab > page
browser, chrome, chromium, firefox, web browser, window
browser > page
tab, tabs, browser tab, window
website, site, web site, domain, homepage
url, link, address, uri, web address, href
url > page, website
link > url, resource
scrape, crawl, download, extract, fetch, harvest, get the content, pull content, grab the content, spider
extract > structured, scrape
scrape > page, website, url
sitemap, site map, map, all urls, all links, subpages, list of pages, all pages
pull out > extract
markdown, md, clean text, plain text, readable text
html, dom, markup, element, element on the page, dom node
element, node, component, widget
go to, navigate, visit, browse to, open the page, open a page, open the site, open a website, open a site, load the page, head to, surf, go to url, open url, bring up the page, jump to
go back, back, previous page, last page, return to
reload, refresh, refresh the page, refresh the site, reload the page, go forward, f5 > navigate, page
click, press, tap, button
push a button, push the button, hit the button, hit a button > click, press
hit enter, hit the, hit escape, hit tab > press, key
double click, right click > click
press > key, keyboard
type, enter, input, fill, fill in, fill out, key in, text field, write into, textbox, text box
type text, enter text > type, fill
form, fields, input fields, inputs, questionnaire, signup form, checkout, sign up sheet, registration, sheet to fill, login form
populate, complete a form, complete the form, complete > fill, form
sign up > form, fill
key, keyboard, keystroke, hotkey, shortcut, key combination, enter key, escape key
hover, mouse over, point at, move the mouse, cursor
tooltip > hover
drag, drag and drop, drop, pull over, slide, move onto, reorder
dropdown, drop down, select, combobox, menu, option, list box, choose from, pick from
is blocking, blocks the page, blocking the page > dialog
scroll > page, evaluate
dialog, popup, pop up, alert, prompt, confirm, modal, message box, confirmation, alert box, say ok, say yes, are you sure, i am sure
resize, window size, viewport, dimensions, width, height, bigger, larger, smaller, pixels, screen size, browser size, wider, narrower
mobile, phone, tablet, responsive > resize, device, emulate
emulate, simulate, pretend, fake, mimic
dark mode, light mode, night mode, dark theme, light theme, color scheme > media, emulate, scheme
dark > scheme, color
print > media
cookie, local storage, session storage > storage, evaluate
console, browser log, console log, javascript errors, warnings, error messages
error, exception, failure, fault, crash, problem, bug, warning
error > console, log
log, logs, logging, logger, debug output, debug messages, log messages, verbose output
network, request, http, traffic, xhr, api calls, requests, ajax, calls, http calls, backend calls, loaded resources
talk to, talks to, contacted, contacts > requests, network
response body, headers > request, network
script, javascript, code, snippet, js code, custom code
code, source code, source, public code
evaluate > javascript, script
inject > evaluate, run, script
automate, automation > run, script, code, playwright
css, style, styling, stylesheet, layout, font, color, colour, styles, appearance, margin, padding, look
computed style > css, style
performance, speed, slow, fast, trace, profile, profiling, load time, loading time, latency, sluggish, bottleneck, loads slowly, takes ages, speed up
slow > performance, trace
web vitals, core web vitals, lcp, cls, inp, contentful paint, largest paint, layout shift > performance, insight
audit, lighthouse, seo, accessibility, best practices, quality, score, search engine, search engines, rate, rating, grade
accessible, screen reader, wcag, disabled users, blind > accessibility, snapshot
memory leak, heap, heap snapshot, heap dump, memory dump, memory usage, ram, leak, uses too much memory, out of memory
leak > memory, heap
eating memory, eats memory, eat memory, uses memory, memory consumption, memory grows > heap, memory, snapshot
file, document, text file, contents
file > path
document > text, page
contents, content, text, body, what is in, what is inside, inside
folder, directory, subfolder, dir, subdirectory
mkdir, new folder, make a folder > create, directory
path > directory, file, folder
tree, hierarchy, recursive, nested, structure, layout, subfolders, nested folders
structure > tree, schema
disk, drive, hard drive, hard disk, filesystem, file system, local, computer, machine, laptop
disk > file, directory
size, how big, how large, space, bytes, disk usage, takes up, biggest, largest, disk space, storage space, how much space, how much room, room, storage, megabytes, footprint
size > storage, stats
several, multiple, many, batch, bulk, at once, more than one, a bunch of, in one go, at the same time, all at once, single commit, together, simultaneously
first lines, first few lines, opening lines, top of, beginning > head, read, file
last lines, last few lines, bottom of > tail, read, file
cat, less, more > read, file
mv, give a document another name, another name, new name, different name, under a new name > move, rename, file
cp > copy
ls > list, directory
stat, chmod > file, info
du, df > size, sizes
ps, top, htop > process, list
curl, wget > fetch, scrape, url
touch > create, file
modified, last modified, last changed, timestamps, creation time, created at, permissions, when was, who may write, who owns > info, metadata, file
allowed, permitted, accessible, access
name > title
glob, wildcard, pattern, regex, regular expression
directory > tree
where > search, find, locate, directory
line, lines, row
block, section, part, passage, excerpt, paragraph
pdf, docx, word document, excel, spreadsheet, xlsx, csv > file, document, read
spreadsheet, excel, xlsx, sheet, workbook
binary, base64, blob > media, file
terminal, shell, command line, command, bash, console, cli, powershell, cmd
process, program, task, job, running program, app
pid, process id > process
kill > process
hung, hangs, frozen, stuck, unresponsive > kill, process, terminate
configuration, settings, preferences, options, config, setup
setting, preference > configuration
variable, environment variable, env, environment
environment > variables
server, service, host, backend
git, github, version control, repository
repository, repo, codebase, code base, project, git repository, source repository
readme, license file, source file > file, contents, get
project > repository
github > repository
issue, bug, bug report, ticket, defect, problem, feature request, open issues, open tickets, open bugs, crash report
open issues, open tickets, open bugs > list, issues
report > search, issue
maintainer, maintainers > issue, repository
issue > report
ticket, task, story, card, work item, to do, todo
report > create, issue, feedback
pull request, pr, merge request, mr, proposed change, proposed changes, change request, change set
pull requests, prs, merge requests, mrs
patch, code review > pull request
propose, suggest, offer > create, pull request
open pull requests, open prs > list, pull requests
inline, line comments > comments, pull request
proposed changes, contribution > pull request
review, code review, feedback, comments, approve, verdict, assessment, reviewer comments
lgtm, sign off, approve > review
reviewer, reviewers, request changes, requested changes, ask for changes > review, pull request
ci, continuous integration, checks, build status, pipeline, green, passing, builds, tests pass, builds pass > status, pull request
branch, line of development, line of work, separate line, feature branch
main branch, master branch, into main, into master > merge, branch
commit, revision, history, changeset, change history, commits
history > commit, list
who changed, what changed, recent changes, latest changes > commits, history
push, upload, publish, commit
commit > push
release, version, tag, deploy
fork, own copy, my own copy, copy of a repository
org, organization, company, team, workspace
user, person, people, member, account, developer, profile, contributor, colleague, coworker, teammate, someone, somebody, who
user > name
comment, reply, remark, note, discuss, discussion, respond
label, tag, category, milestone
lint, linter, code style, eslint, static analysis, code quality, style guide, linting, style problems, code smells, style errors, style rules, coding rules, follow the rules, coding style, coding standards, stylistic problems, clean code
lint > errors, code
scan, quality problems > lint, check, audit
format > style, lint
javascript, typescript, node, frontend, react
api, endpoint, interface, sdk
documentation, manual, reference, guide, tutorial, readme, how to use, handbook, docs, how do i use, how does it work, api reference, instructions, user guide, developer guide
how do i, how to, how can i > documentation
documentation > examples
library, package, framework, module, dependency, npm package, sdk, gem, crate
library > documentation
id, identifier, handle, uid
latest, recent, newest, up to date, current
database, mongodb, mongo, store, sql
sql > query, database, find, aggregate
table, collection, dataset, database table
collection > documents
schema, structure, fields, columns, data model, shape, types, field types, field names, which fields, which columns
index, indexes, indices, key
record, document, row, entry, item, object
records, rows, entries > documents, find, collection
query > find, aggregate
stats, statistics, metrics, usage, figures
connection string, credentials > connect
knowledge graph, memory, knowledge, knowledge base, long term memory, graph, memories
remember, memorize, memorise, keep in mind, don't forget, bear in mind, store > memory, knowledge, create, add, observations, entities
recall, recollect, what do you know, what do we know, do i know, do we know, do you know, already know, know about, know anything about, remembered, remind > search, read, memory, knowledge, nodes, open
memory > entities, observations, nodes, relations
fact, facts, observation, information, detail, piece of information, note, memo, preference
fact > knowledge, memory
something about a person, later conversations, future conversations, next time, for later > memory, observations, knowledge, add
entity, node, object, thing, concept, person
relation, relationship, link, connection, edge, association, connect, related, connected, relate, belong together, belongs to, works at, works for, is married to, is friends with, works with, how they are connected, tie, associate
link > relation, relations
everything > entire, all, whole, complete
everything you know, everything we know, everything known, whole memory, everything remembered, everything stored > read, graph, knowledge
entire, whole, complete, full, all, everything
note, notes, notion, wiki, page, notebook, workspace, knowledge base, team space
notion > page, database
property, field, attribute, column
page > document
title, heading, headline, name
archive > trash, delete, update
think, reason, reflect, thinking, reasoning, ponder, work through, break down, think through, think about, brainstorm, contemplate, deliberate, step by step, chain of thought, thought process, figure out, work out
think > thoughts, problem
problem, puzzle, challenge, question, hard problem, complex
plan, planning, strategy, approach
step by step, one step at a time, stepwise > sequential, thinking, thoughts
research, investigate, study, look into, dig into, deep research, deep dive
paper, publication, study, arxiv, academic, scientific, literature, scholarly, journal
article > page, paper, scrape
analyze, analysis, examine, investigate, inspect, diagnose, assess, study, evaluate, understand
insight, finding, recommendation, explanation
shop, store, shopify, ecommerce, e-commerce, merchant, storefront, webshop
theme, liquid, template, storefront
graphql, query, mutation, schema
validate > code
product, item, goods, inventory, catalog
order, purchase, checkout, sale
customer, client, buyer
price, cost, amount, payment, invoice
feedback, rating, opinion, grade, score, scorecard, evaluation, complaint
weather, temperature, forecast, city > location, structured
location, place, city
message, mail, email, chat, dm, text message
message > send
slack, discord, teams, channel > message
calendar, event, meeting, appointment
date, time, now, day, today
translate, language, locale
task, operation, job
long running, takes a while, takes long, slow operation, background
number, numbers, integer, digits, figures
annotation, annotated, priority, audience
resource, resources, asset
reference, link, pointer
roots, workspace folders, root
sampling, llm, language model, model, ai, completion, generate text, ask a model, large language model, model write
agent, bot, assistant, autonomous
crawl, crawl job, crawler, spider
result, results, output, outcome, hits
results > get, status, more
more, further, additional, next, rest, remaining, the rest, rest of, next page, next batch
active, running, in progress, ongoing, current, pending
data, dataset, records, information, structured data, json
json > structured, data
structured, typed, machine readable, structured data, structured records
input > text, message
deploy, ship, release, publish, rollout
container, docker, pod, kubernetes, cluster
cloud, aws, azure, gcp
function, lambda, method
cache, cached, storage
token, secret, key, password, credential
encrypt, hash, sign
user interface, ui, screen, gui
design, figma, mockup, wireframe
chart, graph, plot, diagram, visualization
notification, alert, push message
ticketing, jira, linear, asana, trello > issue
wiki, confluence > page, documentation
random, arbitrary, any
security, vulnerability, unsafe
backup, restore, snapshot
revert, undo, rollback, roll back
permission, access, rights, role
limit, maximum, quota
queue, topic, stream
payment, charge, refund, billing, stripe
sprint, board, backlog, kanban
attachment, attached file, upload
contact, lead, crm, account
internet, online, world wide web > web, page, url
press enter, press escape > press, key
machine learning, deep learning > repository
new tab, another tab, one more tab, open a tab, close a tab, switch tabs, switch tab > tabs
icon, cover, emoji > page, properties
inline edit, small change, few lines, targeted edit, surgical > edit, block
spinner, loading indicator > wait
country list, from the list, from a list, list box, in the list > select, option
search box, search field > type
own copy, my own copy, copy of somebody, copy of someone > fork
without cloning, in the repo, in a repo, into the repo, into a repo, to the repo, to a repo > repository, github
storefront, online store, web shop, merchant > shopify
preference, setting > value, config
blocked, forbidden, banned > blocked commands
developer docs, developer documentation > docs, search
npm, pypi > library, package
correct, free of errors, free of mistakes, mistakes, valid, well formed, syntax errors > validate
sent, received > message
words > text
greater than, less than, over, under, above, below, more expensive, cheaper, newest, oldest > filter, sort
average, mean, per category, per month, group by, median > aggregate, group
statistic, statistics, figures, overall > stats, statistics
expensive, orders, sales, customers > documents, collection
hardcopy, print version, printed > print, media
temperature, weather > location, city
debug, troubleshoot > error, log
profile page, user profile > user
as an image, as a picture, as a png, pixels > screenshot, image
page downloads, page loads, page fetches, was fetched, files the page, loaded by the page, failed requests > network, requests
filming, film, filmed > screencast, recording
health check, site quality, page quality, site health > audit, lighthouse
memory distribution, objects in memory, leaks objects, retained objects > heap, snapshot, memory
file chooser, file picker, file input > upload
mobile layout, phone layout, small screen > resize, page
ctrl f, find on page, text on the page, text in the page > find, page
vitals > performance, insight
readable content, main content, article text, without ads > scrape, markdown, content
outline > structure, snapshot, tree
percentage, percentages, percent > progress
slow job, slow task, lengthy > long, running
missing data, missing information, talk to a person, from a human, human input > elicitation, request
future chats, future sessions, across sessions, between sessions, in the long run > memory, knowledge, create
spin off, my own version, own version > fork
close issue, close an issue, close the issue, close a ticket, reopen, mark as done, set to done > update, issue, state
all documents, documents where, records where, rows where, entries where > find, documents, query
current operations, server wide, whole database, across the database > database, aggregate
cluster, instance > mongodb, connect
revenue, totals, per region, per month, by month, by category, by region > aggregate, group
social security number, personal data > redact
emphasis, importance, relevance > priority
bash script, shell script > code, script
reduced motion, high contrast > media, emulate
structured reasoning, train of thought, train of thoughts, revise > thinking, thoughts
plan in steps, plan step by step, decompose > thinking, sequential
competitor, prices, pricing > page, website, extract
price changes, changes on a page, page changes, detect changes > monitor
news, blog, blog post > page, scrape
citation, cite, abstract, doi > paper
maintainer, upstream > repository
star, stars, popular > repositories
merge conflict, out of date, outdated, behind main, up to date with, in sync, sync, synchronize > update, branch
changed files, touched files, affected files, altered files, which files changed > files, pull request
status checks, pipeline status, test results > status, checks
diff of a pull request, lines changed > files, pull request
let land, ship it > merge
assignees, assign to, milestone > issue, update
wait for review, ready for review > pull request
teach, train, informed, told > memory, add
wrong fact, outdated fact, incorrect fact, no longer valid > delete, observations
person named, people named, named > name, search
friendship, friends, colleagues, married, employer, employee, works in, manages > relations, relation
topic, topics, theme, subject > search, query
word file, office file, slides > file, document
log file, text from a file > read, file
write protected, read only, modification date > info, file
newest files, largest files, biggest files, largest file > sizes, list, directory
duplicate file, where is the file, where the file > search, files
extension, file type, files ending > search, files, pattern
permission to read, where may i, where can i read, where can i write, accessible folders > allowed, directories
temporary folder, output folder, nested directories > create, directory
find and replace in, patch a file, change a line, change one line > edit, file
from scratch, brand new file, blank file, empty file > write, create, file
whole file, entire file, full file > read, file
several files, many files, multiple files, files together, documents together > read, multiple, files
zip archive, archived > compress, zip
weather report, forecast for > location, structured
hello world > echo, message
calculator, add numbers, total of two > sum
workspace member, team member, notion user > user, notion
headline, page title > title, page
workspace page, team page > notion, page
commerce, e commerce > shopify
metaobject, metafield, polaris, hydrogen, checkout extension > shopify, code
grammar, syntax > validate
rate your experience, satisfaction > feedback
`;
