// POSIX message queues.

#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#include <cerrno>
#include <ctime>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

std::string next_name() {
  static unsigned made = 0;
  return "/hawser-bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

/// As long as the other channels where the system allows it, else as it allows to everybody.
template <class Message>
class posix_mqueue {
 public:
  posix_mqueue() = default;
  posix_mqueue(const posix_mqueue&) = delete;
  posix_mqueue& operator=(const posix_mqueue&) = delete;
  ~posix_mqueue() { mq_unlink(name_.c_str()); }

  class end {
   public:
    explicit end(mqd_t queue) : queue_(queue) {}
    end(end&& other) noexcept : queue_(std::exchange(other.queue_, -1)) {}
    ~end() {
      if (queue_ >= 0) mq_close(queue_);
    }
    void send(const Message& message) {
      if (mq_send(queue_, reinterpret_cast<const char*>(&message), sizeof message, 0) != 0)
        throw std::system_error{errno, std::generic_category(), "mq_send"};
    }
    void flush() {}
    template <class Use>
    std::size_t receive(Use&& use) {
      if (mq_receive(queue_, reinterpret_cast<char*>(message_.get()), sizeof(Message), nullptr) < 0)
        throw std::system_error{errno, std::generic_category(), "mq_receive"};
      use(*message_);
      return 1;
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      const timespec long_ago{};
      if (mq_timedreceive(queue_, reinterpret_cast<char*>(message_.get()), sizeof(Message), nullptr,
                          &long_ago) < 0)
        return 0;
      use(*message_);
      return 1;
    }

   private:
    mqd_t queue_;
    std::unique_ptr<Message> message_ = std::make_unique<Message>();
  };
  using sender = end;
  using receiver = end;

  receiver create_receiver() {
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MSGQUEUE, &all);
    for (const std::size_t room : {room_for(sizeof(Message)), std::size_t{10}}) {
      mq_attr attributes{};
      attributes.mq_maxmsg = static_cast<long>(room);
      attributes.mq_msgsize = sizeof(Message);
      const mqd_t queue =
          mq_open(name_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, &attributes);
      if (queue >= 0) return end{queue};
    }
    throw not_available{"the system allows for no message queue of " +
                        std::to_string(sizeof(Message)) +
                        "-byte messages: " + std::generic_category().message(errno)};
  }
  receiver open_receiver() { return open_sender(); }
  sender open_sender() {
    const mqd_t queue = mq_open(name_.c_str(), O_RDWR | O_CLOEXEC);
    if (queue < 0) throw std::system_error{errno, std::generic_category(), "mq_open"};
    return end{queue};
  }

 private:
  std::string name_ = next_name();
};

}  // namespace

void add_posix_mqueue(std::vector<measurement>& all) {
  const std::string subject = "posix.mqueue";
  add_throughput_of_all_sizes<posix_mqueue>(all, subject);
  add_blocking<posix_mqueue>(all, subject);
  add_one_cpu<posix_mqueue>(all, subject);
  add_many<posix_mqueue>(all, subject);
}

}  // namespace hawser::bench
