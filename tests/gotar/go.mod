module gotar

go 1.20
