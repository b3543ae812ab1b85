#!/usr/bin/env python3
"""One-line faults, one for each thing that must never break, and the test that then fails.

mutations.py --check      every fault still fits the source, and docs/architecture.md lists them all
mutations.py --table      the table for docs/architecture.md
mutations.py [NAME ...]   puts each fault (or the named ones) into a copy of the last commit, builds,
                          and expects the test to fail; minutes each
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutations"
DOCS = ROOT / "docs" / "architecture.md"

# name, what must hold, file, the line as it is, the line with the fault, test binary, test
MUTATIONS = [
    ("no-sync", "acknowledged bytes are on the disk",
     "services/fileserver/backends/local_disk.cc",
     "    SR_RETURN_IF_ERROR(file->SyncData());\n", "",
     "fileserver_store_test", "*PowerCut*"),
    ("no-directory-sync", "so is their name",
     "services/fileserver/backends/local_disk.cc",
     "    SR_RETURN_IF_ERROR(disk_.env_.SyncDirectory(disk_.BlobShard(info.sha256)));\n", "",
     "fileserver_store_test", "BlobStore.KeepsABlobWhoseFirstWriterNeverSyncedItsName"),
    ("row-without-blob", "blob first, row last",
     "services/api/domain/uploads.cc",
     "            if (!blob.ok()) return self->Answer(blob.status());\n",
     "            if (!blob.ok()) blob = StoredBlob();\n",
     "api_test", "UploadsTest.WithoutDurableBytesThereIsNoRow"),
    ("half-close", "a client that vanished is not one that is done",
     "services/common/rpc/server_streams.h",
     "    if (!ok) context_.cancellation->Cancel();\n", "    static_cast<void>(ok);\n",
     "rpc_test", "StreamsTest.AClientThatVanishesIsNeverTakenForOneThatIsDone"),
    ("no-fence", "a lost lease can not write",
     "services/api/metadata/sqlite_job_sql.h",
     "jobs.token = ? AND jobs.leased = 1", "jobs.token <= ? + 1000 AND jobs.leased = 1",
     "metadata_contract_test", "*RefusesEveryWriteUnderALostToken*"),
    ("no-fence-mysql", "nor on MySQL",
     "services/api/metadata/mysql_job_sql.h",
     "jobs.token = ? AND jobs.leased = 1", "jobs.token <= ? + 1000 AND jobs.leased = 1",
     "mysql_store_test", "*RefusesEveryWriteUnderALostToken*"),
    ("no-quarantine", "what keeps killing its decoder is left alone",
     "services/api/jobs/dispatcher.cc",
     "    hopeless |= job.decoder_deaths + 1 >= options_.max_decoder_deaths;\n", "",
     "api_test", "DispatcherTest.AnImageThatKeepsKillingItsDecoderIsGivenUp"),
    ("numbers-before-lock", "nothing appears behind a reader of the feed",
     "services/api/metadata/feed_sequencer.cc",
     """  SR_ASSIGN_OR_RETURN(const int64_t first, round->LockHead());
  // After the lock: what another round has numbered must not be seen as it was before.
  SR_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, round->Unnumbered(options_.max_batch));
""",
     """  SR_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, round->Unnumbered(options_.max_batch));
  SR_ASSIGN_OR_RETURN(const int64_t first, round->LockHead());
""",
     "feed_model_test", "FeedModel.NoScheduleLosesRepeatsOrReordersAnEvent"),
    ("counter-stays", "no position is given twice",
     "services/api/metadata/feed_sequencer.cc",
     "  SR_RETURN_IF_ERROR(round->Commit(next));\n", "  SR_RETURN_IF_ERROR(round->Commit(first));\n",
     "feed_model_test", "FeedModel.NoScheduleLosesRepeatsOrReordersAnEvent"),
    ("trims-silently", "a reader that fell behind is told",
     "services/api/metadata/mysql_feed.cc",
     "  if (position < range.trimmed) return", "  if (position < 0) return",
     "mysql_store_test", "*ForgetsOldEventsAndSaysSo*"),
    ("position-before-index", "a named position is in the index",
     "services/api/events/feed_follower.cc",
     """  index_.Apply(std::move(images), deleted);
  events_total_.Add(events.size());
  position_.Advance(events.back().position);
""",
     """  position_.Advance(events.back().position);
  index_.Apply(std::move(images), deleted);
  events_total_.Add(events.size());
""",
     "api_test", "FollowedLogTest.APositionIsNamedOnlyOnceTheIndexHoldsIt"),
    ("keeps-the-dead", "a follower that missed deletions forgets what is gone",
     "services/api/events/feed_follower.cc",
     "if (again) gone = index_.KeepOnly(there);", "",
     "api_test", "FollowedLogTest.AFollowerThatFellBehindTheFeedStartsAnew"),
    ("suggests-hidden", "nobody is suggested what they may not find",
     "services/api/search/search_core_suggest.cc",
     "  if (viewer.sees_all) return", "  if (true) return",
     "search_test", "FindingOracle.SuggestionsAreThoseOfANaiveScan"),
    ("keeps-counting", "nor what is gone",
     "services/api/search/search_core.cc",
     "    for (Ranks* rank : ranks) rank->words.Remove(*word, words_.term(*word));\n", "",
     "search_test", "FindingOracle.SuggestionsAreThoseOfANaiveScan"),
    ("spells-of-others", "nobody sees how others spell a tag",
     "services/api/search/search_core_facets.cc",
     "    if (!Visible(*it, viewer)) continue;\n",
     "    if (!Visible(*it, viewer) && documents_[*it].image == nullptr) continue;\n",
     "search_test", "FindingTest.ASpellingOfOthersIsNotTold"),
    ("compares-hidden", "nothing looks like what may not be found",
     "services/api/search/search_core_similar.cc",
     ".candidates = AllVisible(viewer)", ".candidates = AllVisible({viewer.subject, true})",
     "search_test", "FindingOracle.SimilarImagesAreThoseOfANaiveScan"),
    ("asks-about-anything", "nobody asks what a hidden image looks like",
     "services/api/search/memory_search_index.cc",
     "    return MayRead(who, *image) ?", "    return true ?",
     "search_test", "FindingOracle.SimilarImagesAreThoseOfANaiveScan"),
    ("counts-hidden", "facets count only what may be found",
     "services/api/search/search_core_find.cc",
     "    if (all != nullptr) *all = AllVisible(viewer);\n",
     "    if (all != nullptr) *all = AllVisible({.sees_all = true});\n",
     "search_test", "FindingOracle.FacetsCountWhatANaiveScanCounts"),
    ("moderates-nothing", "a moderator finds everything",
     "services/api/search/memory_search_index.cc",
     ".sees_all = who.scopes.Has(Scope::kModerate)", ".sees_all = false",
     "search_test", "FindingTest.WhatMayNotBeFoundLeavesNoTrace"),
    ("tells-strangers", "nobody is told of what they may not find",
     "services/api/events/event_watches.cc",
     "  return MayFind(who_, event.owner, event.visibility);\n", "  return true;\n",
     "api_test", "EventWatchesTest.NobodyIsToldOfImagesThatTheyMayNotFind"),
    ("answers-late", "a watcher gets every event once",
     "services/api/events/event_watches.cc",
     "    if (!done_ || number != asked_) return;\n    done = ", "    if (!done_ || number > asked_) return;\n    done = ",
     "api_test", "EventWatchesTest.ALookThatCameTooLateDoesNotAnswerALaterQuestion"),
    ("lost-update", "a conditional change changes the revision that was read",
     "services/api/domain/catalog.cc",
     "  if (options.if_revision == 0 || options.if_revision == image.revision) "
     "return absl::OkStatus();\n",
     "  if (options.if_revision >= 0) return absl::OkStatus();\n",
     "api_test", "IdempotencyTest.AWriteUnderAConditionHappensOnlyAtThatRevision"),
    ("key-without-fence", "a write under a key that was taken over does not happen",
     "services/api/metadata/key_rows.h",
     "  return db.Changes() > 0 ? absl::OkStatus() : KeyLost(once->key);\n",
     "  return absl::OkStatus();\n",
     "metadata_contract_test", "*Key*"),
    ("no-touch-on-dedupe", "bytes that are stored again are not collected",
     "services/fileserver/backends/local_disk.cc",
     "    status = TouchLocked(digest);\n    if (status.ok()) return false;\n",
     "    return false;\n",
     "fileserver_store_test", "BlobStore.TouchesABlobThatIsPutAgain"),
    ("stamp-ignored", "nor are bytes touched since they were listed",
     "services/fileserver/backends/local_collecting.cc",
     "  if (!info->regular || stamp != StampOf(reading, info->modified)) return false;\n",
     "  if (!info->regular) return false;\n",
     "fileserver_store_test", "Collecting*"),
    ("no-touch-before-commit", "a late row finds its bytes",
     "services/api/domain/blob_admission.cc",
     "  if (late()) {\n    touched = admission.steady();\n",
     "  if (late() && false) {\n    touched = admission.steady();\n",
     "collector_test", "*"),
    ("no-look-after-commit", "also when the commit was slow",
     "services/api/domain/blob_admission.cc",
     "  if (!late()) return created;\n", "  if (created.ok() || !late()) return created;\n",
     "collector_test", "*"),
    ("deletes-unlocked", "no put slips into a deletion",
     "services/fileserver/backends/local_collecting.cc",
     "    MutexLock lock(LockOf(digest));\n    SR_ASSIGN_OR_RETURN(deleted, "
     "DeleteLocked(digest, stamp));\n",
     "    SR_ASSIGN_OR_RETURN(deleted, DeleteLocked(digest, stamp));\n",
     "fileserver_store_test", "CollectingRace*"),
    ("deletion-not-synced", "what was collected stays collected",
     "services/fileserver/backends/local_collecting.cc",
     "  if (deleted) SR_RETURN_IF_ERROR(env_.SyncDirectory(BlobShard(digest)));\n", "",
     "fileserver_store_test", "Collecting.DeletesForGood"),
    ("etag-of-others", "other bytes are not served under an old tag",
     "services/api/domain/delivery_service.cc",
     "    if (info->sha256 != what.sha256) {\n", "    if (info->sha256 != info->sha256) {\n",
     "api_test", "DeliveryTest.OtherBytesThanWereFoundAreNotServedUnderTheOldTag"),
    ("scope-ignored", "nobody does what they may not",
     "services/api/handlers/gate.cc",
     "  if (who.scopes.Contains(needed)) return absl::OkStatus();\n",
     "  if (who.scopes.Contains(needed) || !who.anonymous) return absl::OkStatus();\n",
     "access_test", "GateTest.TellsThoseWithoutTheScopeApartFromThoseWhoShowedNothing"),
    ("remembers-keys-for-ever", "a revoked key is refused by every api",
     "services/api/auth/api_key_verifier.cc",
     "  if (now - entry->looked_up < options_.fresh) return Judge(*entry, now);\n",
     "  if (now - entry->looked_up < absl::Hours(1)) return Judge(*entry, now);\n",
     "access_test", "ApiKeyVerifierTest.AKeyThatAnotherApiRevokedIsRefusedWithinSeconds"),
    ("header-chooses-algorithm", "a key works with its one algorithm",
     "services/api/auth/jws.cc",
     "    if (key->algorithm() != header.algorithm) continue;\n", "",
     "jwt_test", "JwsTest.*"),
    ("never-expires", "an expired token opens nothing",
     "services/api/auth/jwt.cc",
     "  if (claims.expires() && now >= *claims.expires() + skew) {\n",
     "  if (claims.expires() && now >= *claims.expires() + skew + absl::Seconds(1)) {\n",
     "jwt_test", "JwtTest.*"),
    ("finds-what-is-hidden", "what one may not see is not found or counted",
     "services/api/search/search_core_find.cc",
     "viewer.sees_all || image->owner == viewer.subject", "viewer.sees_all || !image->owner.empty()",
     "search_test", "*"),
    ("writes-for-any-page", "a page of another origin writes nothing",
     "services/api/gateway/guard.cc",
     "  if (own || Contains(origins.trusted, origin) || Contains(origins.trusted, \"*\")) {\n",
     "  if (own || origins.trusted.size() < 2) {\n",
     "gateway_test", "GatewayTest.PagesOfOtherOriginsMayNotWriteWhereNobodyLogsIn"),
    ("webhook-goes-anywhere", "webhooks are sent to allowed addresses only",
     "services/api/webhooks/curl_poster.cc",
     "    if (!transfer.rules->Allows(&address->addr, address->addrlen)) {\n",
     "    if (address->family == AF_UNIX) {\n",
     "webhooks_test", "CurlPosterTest.ConnectsToNoAddressThatIsNotAllowedWhateverNameItHas"),
    ("webhook-follows", "and to no second place",
     "services/api/webhooks/curl_poster.cc",
     "  set(CURLOPT_FOLLOWLOCATION, 0L);\n", "  set(CURLOPT_FOLLOWLOCATION, 1L);\n",
     "webhooks_test", "CurlPosterTest.FollowsNoRedirect"),
    ("webhook-read-twice", "an event is given to a webhook once",
     "services/api/metadata/delivery_rows.h",
     "SET position = ? WHERE id = 1 AND position = ?", "SET position = ? WHERE id = 1 AND position >= ?",
     "metadata_contract_test", "*AddsDeliveriesOnlyTogetherWithTheReadersStep*"),
    ("webhook-leased-twice", "a delivery is sent by one api at a time",
     "services/api/metadata/delivery_rows.h",
     "AND token = ? AND state = ?", "AND token <= ? + 1000 AND state = ?",
     "mysql_store_test", "*NeverLeasesADeliveryTwiceToManyThreads*"),
    ("webhook-late-result", "a lost lease records nothing",
     "services/api/metadata/delivery_rows.h",
     "  if (before->token != ref.token || before->state != DeliveryState::kPending) {\n",
     "  if (before->state != DeliveryState::kPending) {\n",
     "metadata_contract_test", "*LeasesADeliveryToOneAtATimeUntilTheLeaseRunsOut*"),
    ("webhook-misses", "a webhook misses no event after its making",
     "services/api/webhooks/fan_out.cc",
     """  SR_ASSIGN_OR_RETURN(const std::vector<NewDelivery> deliveries, Match(events));
""",
     """  SR_ASSIGN_OR_RETURN(std::vector<NewDelivery> deliveries, Match(events));
  std::erase_if(deliveries, [&](const NewDelivery& made) {
    return std::none_of(webhooks.begin(), webhooks.end(),
                        [&](const Webhook& known) { return known.id == made.webhook_id; });
  });
""",
     "webhooks_test", "FanOutTest.AWebhookThatWasMadeBeforeAnEventDoesNotMissIt"),
]


def table():
    lines = ["| must hold | fault | test that fails |", "|---|---|---|"]
    for name, holds, path, _, _, binary, tests in MUTATIONS:
        lines.append(f"| {holds} | `{name}` in `{path.removeprefix('services/')}` | "
                     f"`{binary}` `{tests}` |")
    return "\n".join(lines)


def check():
    problems = []
    for name, _, path, before, _, _, _ in MUTATIONS:
        count = (ROOT / path).read_text().count(before)
        if count != 1:
            problems.append(f"{name}: its line is {count} times in {path}; mend mutations.py")
    if table() not in DOCS.read_text():
        problems.append(f"{DOCS.relative_to(ROOT)} has another table than mutations.py --table")
    print("\n".join(problems))
    return 1 if problems else 0


def run(command, **arguments):
    return subprocess.run(command, cwd=COPY, capture_output=True, text=True, **arguments)


def try_one(mutation):
    """None if the test fails with the fault, else what went wrong."""
    _, _, path, before, after, binary, tests = mutation
    source = COPY / path
    original = source.read_text()
    source.write_text(original.replace(before, after))
    try:
        built = run(["cmake", "--build", "build/dev", "--target", binary])
        if built.returncode != 0:
            return "does not compile:\n" + built.stdout[-2000:]
        tested = run([f"build/dev/tests/{binary}", f"--gtest_filter={tests}"], timeout=600)
        if "[==========] 0 tests" in tested.stdout:
            return f"no test is called {tests}"
        failed = re.findall(r"\[  FAILED  \] (\S+?),? ", tested.stdout)
        if tested.returncode == 0:
            return "nothing noticed it"
        print(f"    {failed[0] if failed else 'ended with ' + str(tested.returncode)}", flush=True)
        return None
    except subprocess.TimeoutExpired:
        print("    did not end", flush=True)
        return None
    finally:
        source.write_text(original)


def prove(names):
    chosen = [m for m in MUTATIONS if not names or m[0] in names]
    if not COPY.exists():
        subprocess.run(["git", "worktree", "add", "--detach", COPY, "HEAD"], cwd=ROOT, check=True,
                       capture_output=True)
    try:
        run(["cmake", "--preset", "dev"], check=True)
        survivors = 0
        for mutation in chosen:
            print(mutation[0], flush=True)
            problem = try_one(mutation)
            if problem:
                survivors += 1
                print(f"    SURVIVED: {problem}", flush=True)
        print(f"{len(chosen) - survivors} of {len(chosen)} faults were noticed")
        return 1 if survivors else 0
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", COPY], cwd=ROOT, check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    if sys.argv[1:] == ["--table"]:
        print(table())
    else:
        sys.exit(prove(sys.argv[1:]))
