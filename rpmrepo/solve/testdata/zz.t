repo test 0 testtags <inline>
#>=Ver: 3.0
#>=Pkg: A 1 1 noarch
#>=Prv: A = 1-1
#>=Req: B
#>=Rec: (C <IF> B) | /usr/share/x
#>=Pkg: B 1 1 noarch
#>=Prv: B = 1-1
#>=Req: /usr/share/x
#>=Pkg: C 1 1 noarch
#>=Prv: C = 1-1
#>=Fls: /usr/share/x
#>=Pkg: D 1 1 noarch
#>=Prv: D = 1-1
#>=Con: C
system x86_64 rpm
poolflags implicitobsoleteusescolors whatprovideswithdisabled
disable pkg D-1-1.noarch@test
job install name A
result transaction,problems <inline>
nextjob
job install name D
result transaction,problems <inline>
nextjob
job install name Q [forcebest]
result transaction,problems <inline>
nextjob
job install oneof A-1-1.noarch@test B-1-1.noarch@test [setarch,setevr]
result transaction,problems <inline>
