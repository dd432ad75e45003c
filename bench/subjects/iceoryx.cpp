// iceoryx: chunks of shared memory, loaned and taken in place. Its daemon works on a private /dev/shm and /tmp,
// so that it meets no other one, and leaves nothing.

#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#ifdef HAWSER_BENCH_ICEORYX
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <fcntl.h>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

/// iox-roudi, in a mount namespace of its own, from the first sample to the end of the program.
class daemon {
 public:
  /// Throws `not_available`.
  static const daemon& running() {
    static const daemon one;
    return one;
  }
  daemon(const daemon&) = delete;
  daemon& operator=(const daemon&) = delete;
  ~daemon() { end(); }

  /// Takes the calling process to where the daemon is.
  void join() const {
    const int space =
        open(("/proc/" + std::to_string(pid_) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNS) != 0)
      throw not_available{"its daemon's namespace cannot be entered"};
    close(space);
    iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
        iox::log::LogLevel::kOff, iox::log::LogLevelOutput::kHideLogLevel);
    const std::string name = "hawser-bench-" + std::to_string(getpid());
    iox::runtime::PoshRuntime::initRuntime({iox::cxx::TruncateToCapacity, name.c_str()});
  }

 private:
  daemon() {
    pid_ = start_process({"iox-roudi", anywhere, run});
    constexpr int looks_max = 500;
    std::string said;
    for (int i = 0; i < looks_max && said.find("ready for clients") == std::string::npos; ++i) {
      const timespec pause{0, 10'000'000};
      nanosleep(&pause, nullptr);
      std::ifstream log{"/proc/" + std::to_string(pid_) + "/root" + log_path};
      said.assign(std::istreambuf_iterator<char>{log}, {});
      if (waitpid(pid_, nullptr, WNOHANG) == pid_)
        throw not_available{"iox-roudi does not start in a namespace of its own: that takes root"};
    }
  }

  /// Of the daemon's own.
  static constexpr const char* log_path = "/tmp/log";

  static void run() {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, nullptr) != 0 ||
        mount("none", "/tmp", "tmpfs", 0, nullptr) != 0)
      _exit(1);
    const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execlp("iox-roudi", "iox-roudi", nullptr);
    _exit(1);
  }
  void end() {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  pid_t pid_ = -1;
};

/// Messages are written in place, those of more than a cache line as much as is read of them.
template <class Message>
class iceoryx {
  static constexpr std::uint64_t room = std::min<std::uint64_t>(room_for(sizeof(Message)), 256);

  static iox::capro::ServiceDescription service(unsigned number) {
    return {"hawser", "bench", {iox::cxx::TruncateToCapacity, std::to_string(number).c_str()}};
  }
  static void join() {
    static const bool joined = [] {
      daemon::running().join();
      return true;
    }();
    static_cast<void>(joined);
  }

 public:
  class sender {
   public:
    explicit sender(unsigned number) {
      join();
      iox::popo::PublisherOptions options;
      options.historyCapacity = 0;
      options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
      publisher_ = std::make_unique<iox::popo::UntypedPublisher>(service(number), options);
      while (!publisher_->hasSubscribers()) sched_yield();
    }
    void send(const Message& message) {
      void* at = nullptr;
      while (at == nullptr)
        publisher_->loan(sizeof(Message), alignof(Message))
            .and_then([&](void* loaned) { at = loaned; })
            .or_else([](auto&) { sched_yield(); });  // all are in use
      if constexpr (sizeof(Message) <= 64) {
        std::memcpy(at, &message, sizeof message);
      } else {
        static_cast<Message*>(at)->words.front() = message.words.front();
        static_cast<Message*>(at)->words.back() = message.words.back();
      }
      publisher_->publish(at);
    }
    void flush() {}

   private:
    std::unique_ptr<iox::popo::UntypedPublisher> publisher_;
  };

  class receiver {
   public:
    explicit receiver(unsigned number) {
      join();
      iox::popo::SubscriberOptions options;
      options.queueCapacity = room;
      options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
      subscriber_ = std::make_unique<iox::popo::UntypedSubscriber>(service(number), options);
      set_ = std::make_unique<iox::popo::WaitSet<>>();
      set_->attachState(*subscriber_, iox::popo::SubscriberState::HAS_DATA).or_else([](auto&) {
        throw wrong_figure{"iceoryx does not wait"};
      });
    }
    receiver(receiver&&) = delete;

    template <class Use>
    std::size_t receive(Use&& use) {
      for (;;) {
        if (const std::size_t count = try_receive(use)) return count;
        set_->wait();
      }
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      const void* at = nullptr;
      subscriber_->take().and_then([&](const void* taken) { at = taken; });
      if (at == nullptr) return 0;
      use(*static_cast<const Message*>(at));
      subscriber_->release(at);
      return 1;
    }

   private:
    std::unique_ptr<iox::popo::UntypedSubscriber> subscriber_;
    std::unique_ptr<iox::popo::WaitSet<>> set_;
  };

  iceoryx() { daemon::running(); }
  receiver create_receiver() { return receiver{number_}; }
  sender open_sender() { return sender{number_}; }

 private:
  static unsigned next_number() {
    static unsigned made = 0;
    return ++made;
  }
  const unsigned number_ = next_number();
};

}  // namespace

void add_iceoryx(std::vector<measurement>& all) {
  const std::string subject = "iceoryx";
  add_throughput_of_all_sizes<iceoryx>(all, subject);
  add_round_trip<iceoryx>(all, subject);
  add_blocking<iceoryx>(all, subject);
  add_one_cpu<iceoryx>(all, subject);
}

}  // namespace hawser::bench
#else
void hawser::bench::add_iceoryx(std::vector<measurement>& all) {
  add_absent(all, "iceoryx", "iceoryx and libiceoryx-posh-dev");
}
#endif
