/** Concepts about actions, in the format of `CONCEPTS`. */
export const ACTIONS = `
create, make, new, add, generate, build, compose, set up, produce, craft, draft, author, put together, establish, prepare
create > write, insert, open, start, init, initialize, register
new > create, add, start
add > create, insert, append, attach, put, include, push
append, insert, attach, add to
put > write, set, add, move, create
put into another, put in another > move
open > create, navigate, launch, read
open > get, view, show
file a bug, file an issue, file a ticket, file a report > create, issue
raise, submit, lodge > create, open
spin up, bring up, stand up > create, start
delete, remove, erase, drop, destroy, discard, purge, wipe, get rid of, throw away, throw out, trash, clear, take out, prune, eliminate, dispose, ditch, nuke, bin, rm, unset
forget, unlearn, forget that, no longer true, is no longer, no longer > delete, remove
forget > memory, observations, entities, relations
clean up, clean > delete, remove, clear
update, modify, edit, change, alter, adjust, revise, patch, amend, rewrite, correct
set > update, change, configure
tweak, fix, correct, rework, refactor > edit, update, change, modify
replace, substitute, swap, find and replace > edit, update
overwrite > write, replace
rename, give a new name, change the name > move, update
move, relocate, transfer, shift > rename
copy, duplicate, clone, replicate, fork, mirror
list, enumerate, show all, list all, overview, see all, browse, ls, directory listing, catalogue
show, display, view, see, look at, present, print
show > list, get, read
get, retrieve, fetch, obtain, read, load, return, pull, grab, receive, acquire
look at, inspect, examine, check out, peek, glance, skim > get, read, view, show
open lines, opening lines, beginning of > head, read
give > get, return
see, view > list, get, read
learn > documentation, read
read > view, open, show
search, find, look up, query, lookup, locate, look for, seek, hunt, discover, search for, track down, where is, dig up, grep, spot, hunt down, hits, matches
filter, narrow, match, matching
filter > find, search, query
explore, discover > list, search, map
check, verify, validate, confirm, make sure, ensure, is valid
check > get, status, see
status, state, progress, how far, condition, is it done, finished
finished, done, ended, completed, complete, ready > status
progress > status
count, how many, number of, tally, total number
run, execute, launch, invoke, perform, start, trigger
run > evaluate, call
evaluate, eval, execute, run
start, begin, launch, boot, initiate, kick off, trigger
stop, end, terminate, kill, halt, abort, cancel, quit, finish, shut down, force quit
close, shut, exit, quit, dismiss
wait, pause, sleep, delay, hold on, until, hang on, give it time, seconds, is gone, has gone, shows up, appears, appear
connect, log in, sign in, attach, link up, establish a connection, open a connection, session
disconnect, log out, sign out, detach, close a connection, hang up, end the session
send, post, submit, publish, deliver
enable, disable, toggle, turn on, turn off, switch on, switch off, activate, deactivate
switch > toggle, select, change
choose, select, pick, option
upload, send file, attach, attach a file, attach a document
download, save, fetch, export, get a copy
import > load, upload, read
export > download, save, write
save, store, persist, write, keep, record
save > create, add, update
write down, jot down, note down, take note, make a note > create, add, write, store
convert, transform, turn into, translate
compress, zip, gzip, shrink, archive, pack, deflate, smaller, make smaller, gz, tarball, squeeze
decompress, unzip, extract, unpack
compare, diff, difference, changed
merge, combine, join, integrate, land
sort, order, rank
group, aggregate, pipeline, summarize, statistics, roll up
sum, add up, add together, add two, total, addition, plus, calculate, arithmetic, math, mathematics, add numbers
calculate, compute, work out > sum, count, aggregate
describe, explain, details, detail, information, metadata, properties, attributes
details, more about, in detail > get, describe, info
example, sample, snippet, demo
monitor, watch, track, keep an eye on, follow, being watched
schedule, plan, cron, recurring
repeat, echo, say back, parrot, return the same, mirror back, back to me, say the same, same thing back, same text back
test, try, simulate, mock
pretend > simulate, emulate
help > documentation, guide
answer, respond, reply, response
ask, prompt, question, elicit, elicitation, request input, user input, input from the user, ask the user, ask the person, query the user, interactive
approve, accept, confirm, agree, allow, permit
reject, decline, refuse, deny, dismiss
assign, assignee, owner, responsible
notify, notification, alert, inform
subscribe, subscription, subscriber, updates
`;
