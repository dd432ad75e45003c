/// What is committed, in a SQLite database: a commit is on the disk when it returns.
#pragma once

#include "accounts.hpp"
#include "window.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace bank {

/// Says which file, and what SQLite says.
class journal_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct contents {
  std::vector<money> balances;
  std::map<std::uint64_t, window> tellers;
  std::uint64_t applied = 0;  // requests, since the first one
};

/// Threads    One at a time. One process writes.
/// Crash      Whoever dies: of each commit all or nothing is there.
class journal {
 public:
  /// Makes the file with so many accounts, if it is not there.
  static void prepare(const std::string& path, std::size_t accounts, money balance);

  /// Errors     journal_error: there is no such journal.
  explicit journal(const std::string& path);
  ~journal();
  journal(const journal&) = delete;

  contents read();
  /// Requests, since the first one; so little that anybody may look at it meanwhile.
  std::uint64_t applied();
  /// In one transaction; durable when it returns.
  /// Errors     journal_error: nothing of it is there.
  void commit(const accounts& all, const std::map<std::uint64_t, const window*>& tellers,
              std::uint64_t applied);
  /// Those of programs that are gone.
  void forget_tellers();

 private:
  struct close_database {
    void operator()(sqlite3* one) const;
  };
  struct finalize {
    void operator()(sqlite3_stmt* one) const;
  };
  using statement = std::unique_ptr<sqlite3_stmt, finalize>;

  journal(const std::string& path, bool create);
  void run(const char* sql);
  statement prepared(const char* sql);
  bool step(const statement& one);
  [[noreturn]] void fail(const char* what) const;

  std::string path_;
  std::unique_ptr<sqlite3, close_database> database_;
  statement set_balance_, set_teller_, set_applied_;
};

}  // namespace bank
