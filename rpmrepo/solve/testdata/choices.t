# Which of several packages: versions, repositories, obsoletes, best, and
# choices that are taken back.
repo low 0.1 testtags <inline>
#>=Ver: 2
#>=Pkg: a 1 1 noarch
#>=Pkg: a 2 1 noarch
#>=Req: nowhere
#>=Pkg: old 9 1 noarch
#>=Prv: tool
#>=Pkg: new 1 1 noarch
#>=Prv: tool
#>=Obs: old
#>=Pkg: p 3 1 noarch
#>=Pkg: q 1 1 noarch
#>=Pkg: first 1 1 noarch
#>=Req: alt
#>=Pkg: alt-a 1 1 noarch
#>=Prv: alt
#>=Pkg: alt-b 1 1 noarch
#>=Prv: alt
#>=Pkg: second 1 1 noarch
#>=Req: alt-b
#>=Pkg: kernel 1 1 noarch
#>=Obs: q
#>=Pkg: kernel 2 1 noarch
repo high 5.0 testtags <inline>
#>=Ver: 2
#>=Pkg: p 2 1 noarch
repo same 0.2 testtags <inline>
#>=Ver: 2
#>=Pkg: q 1 1 noarch
system x86_64 rpm
poolflags implicitobsoleteusescolors whatprovideswithdisabled
disable pkg kernel-2-1.noarch@low
job install name a
result transaction,problems <inline>
#>install a-1-1.noarch@low
nextjob
job install name a [forcebest]
result transaction,problems <inline>
#>problem 195fc549 info nothing provides nowhere needed by a-2-1.noarch
#>problem 195fc549 solution 8b976abb deljob install name a [forcebest]
nextjob
job install provides tool
result transaction,problems <inline>
#>install new-1-1.noarch@low
nextjob
job install name old
job install name new
result transaction,problems <inline>
#>problem 20f0f563 info package new-1-1.noarch obsoletes old provided by old-9-1.noarch
#>problem 20f0f563 solution 26484036 deljob install name new
#>problem 20f0f563 solution ae4e3d19 deljob install name old
nextjob
job install name p
result transaction,problems <inline>
#>install p-2-1.noarch@high
nextjob
job install name q
result transaction,problems <inline>
#>install q-1-1.noarch@same
nextjob
job install name first
job install name second
result transaction,problems <inline>
#>install alt-b-1-1.noarch@low
#>install first-1-1.noarch@low
#>install second-1-1.noarch@low
nextjob
job install name kernel
result transaction,problems <inline>
#>install kernel-1-1.noarch@low
nextjob
job install name kernel [forcebest]
job install name q
result transaction,problems <inline>
#>problem dd8d6791 info package kernel-2-1.noarch is disabled
#>problem dd8d6791 solution 176db4fc deljob install name q
#>problem dd8d6791 solution ab90fefd deljob install name kernel [forcebest]
nextjob
job multiversion name kernel
job install name kernel
job install name q
result transaction,problems <inline>
#>install kernel-1-1.noarch@low
#>install q-1-1.noarch@same
