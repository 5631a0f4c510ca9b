# npm_ci(SOURCE TO WHY): the packages that SOURCE/package-lock.json locks, in TO/node_modules.
# Nothing is done when they are there already; TO is shared by all build directories, so it is
# locked meanwhile. WHY is set to one sentence when it can't be, else to "".
function(npm_ci source to why)
  file(MAKE_DIRECTORY ${to})
  file(LOCK ${to} DIRECTORY GUARD FUNCTION TIMEOUT 300)
  file(READ ${source}/package.json package)
  file(READ ${source}/package-lock.json lock)
  string(SHA256 hash "${package}${lock}")
  set(stamp ${to}/installed)
  set(${why} "" PARENT_SCOPE)
  if(EXISTS ${stamp})
    file(READ ${stamp} installed)
    if(installed STREQUAL hash)
      return()
    endif()
  endif()
  find_program(NPM npm NO_CACHE)
  if(NOT NPM)
    set(${why} "npm is not here" PARENT_SCOPE)
    return()
  endif()
  file(REMOVE ${stamp})
  file(COPY ${source}/package.json ${source}/package-lock.json DESTINATION ${to})
  # No package's own scripts: what is used here comes ready to run.
  execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --fetch-retries=1
      --loglevel=error
    WORKING_DIRECTORY ${to} TIMEOUT 240 RESULT_VARIABLE result
    OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT result EQUAL 0)
    string(REGEX REPLACE "[\r\n]+" "; " said "${said}")
    string(SUBSTRING "${said}" 0 300 said)
    set(${why} "npm ci failed (${result}): ${said}" PARENT_SCOPE)
    return()
  endif()
  file(WRITE ${stamp} ${hash})
endfunction()
