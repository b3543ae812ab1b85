// admin: copy-blobs.
#include "absl/strings/str_cat.h"
#include "services/common/base/certificates.h"
#include "services/common/base/metrics.h"
#include "services/common/base/status.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/blobs/remote_care_client.h"
#include "services/common/rpc/tls.h"
#include "tools/stockroom/blob_copier.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

void PrintCounts(Output& out, const BlobCopyCounts& counts) {
  if (out.json()) {
    out.Json({{"type", "copied"},
              {"seen", counts.seen},
              {"seenBytes", counts.seen_bytes},
              {"copied", counts.copied},
              {"copiedBytes", counts.copied_bytes},
              {"present", counts.present},
              {"touched", counts.touched},
              {"gone", counts.gone},
              {"failed", counts.failed}});
    return;
  }
  out.Line(absl::StrCat("source   ", Plural(counts.seen, "original"), ", ",
                        HumanBytes(counts.seen_bytes)));
  out.Line(absl::StrCat("copied   ", Plural(counts.copied, "original"), ", ",
                        HumanBytes(counts.copied_bytes)));
  out.Line(absl::StrCat("present  ", Plural(counts.present, "original"), ", ", counts.touched,
                        " of them touched"));
  if (counts.gone > 0) {
    out.Line(absl::StrCat("gone     ", Plural(counts.gone, "original"),
                          ": collected at the source meanwhile"));
  }
}

}  // namespace

int RunCopyBlobs(const Program& program, const CopyBlobsArgs& args) {
  if (args.from == args.to) {
    return program.Fail(InvalidArgument("SAME_SERVER", "--from and --to are the same"));
  }
  const TlsFiles files{.certificate = args.certificate, .key = args.key, .ca = args.ca};
  if (const absl::Status fit = CheckMutualTls("--peer-", files); !fit.ok()) {
    return program.Fail(fit);
  }
  Metrics metrics;
  const absl::StatusOr<std::shared_ptr<rpc::TlsCertificates>> tls =
      rpc::TlsCertificates::Start(files, {.use = "internal"}, metrics);
  if (!tls.ok()) return program.Fail(tls.status());
  const rpc::PeerTls peer{.certificates = *tls, .name = ""};
  RemoteBlobClient from({.target = args.from, .connections = 2, .tls = peer}, metrics);
  RemoteCareClient from_care({.target = args.from, .tls = peer});
  RemoteBlobClient to({.target = args.to, .connections = 2, .tls = peer}, metrics);
  RemoteCareClient to_care({.target = args.to, .tls = peer});

  Output& out = program.out;
  BlobCopyOptions options{.jobs = args.jobs,
                          .bytes_per_second = args.bytes_per_second,
                          .touch_newer = args.touch_newer,
                          .patience = args.patience};
  options.failed = [&](const Digest& digest, const absl::Status& status) {
    if (out.json()) {
      out.Json({{"type", "failed"},
                {"sha256", digest.hex()},
                {"code", absl::StatusCodeToString(status.code())},
                {"reason", DetailsOf(status).reason},
                {"message", std::string(status.message())}});
    }
    out.Error(absl::StrCat(digest.hex(), " was not copied: ", std::string(status.message())));
  };
  options.progress = [&](const BlobCopyCounts& counts) {
    out.SetBar(absl::StrCat(HumanCount(counts.copied + counts.present + counts.gone), " of ",
                            HumanCount(counts.seen), " originals so far, ",
                            HumanBytes(counts.copied_bytes), " copied"));
  };
  const absl::StatusOr<BlobCopyCounts> counts =
      CopyBlobs({from, from_care}, {to, to_care}, options, program.stop);
  out.SetBar("");
  if (absl::IsInvalidArgument(counts.status())) {
    return program.Fail(Annotate(counts.status(),
                                 "the source does not list everything; set its "
                                 "collect.min_untouched to 0s while it is copied"));
  }
  if (!counts.ok()) return program.Fail(counts.status());
  PrintCounts(out, *counts);
  if (counts->failed == 0) return program.Ended();
  out.Error(absl::StrCat(Plural(counts->failed, "original"),
                         " could not be copied; the same command tries these again"));
  return kExitFailed;
}

}  // namespace stockroom::cli
